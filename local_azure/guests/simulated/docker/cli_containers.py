"""docker commands on containers: run, create, start, stop, kill, rm, wait, restart, logs."""

from __future__ import annotations

from local_azure.guests.simulated.docker import creation, lifecycle, windows
from local_azure.guests.simulated.docker.cli_exec import DAEMON, find
from local_azure.guests.simulated.docker.model import Container
from local_azure.guests.simulated.programs.options import Options, grammar
from local_azure.guests.simulated.running import ProgramError, Run

STOP = grammar("", "-t --time --timeout -s --signal", code=125)
REMOVE = grammar("-f --force -v --volumes", code=125)
START = grammar("-a -i", code=125)
KILL = grammar("", "-s --signal", code=125)
LOGS = grammar("-f --follow -t --timestamps --details", "--tail -n --since --until", code=125)
FOLLOW_WALL_SECONDS = 0.2
"""Between looks whether there is something new."""
SIGTERM_NAMES = ("TERM", "SIGTERM", "15", "INT", "SIGINT", "HUP", "SIGHUP")


async def run_container(run: Run) -> int:
    """`docker run [OPTIONS] IMAGE [ARG...]`."""
    options = creation.GRAMMAR.parse("docker run", run.arguments)
    container = await creation.create(run, options)
    daemon = run.guest.docker
    try:
        lifecycle.start(daemon, container, run.guest.clock.now())
    except ProgramError as error:
        container.error = str(error)
        raise ProgramError(f"docker: {error}", error.code) from None
    finally:
        daemon.save()
    if options.has("-d", "--detach"):
        run.say(container.id)
        return 0
    return await _attend(run, container)


async def _attend(run: Run, container: Container) -> int:
    """Stay until a container in the foreground has ended."""
    at, code = lifecycle.natural_end(container)
    if not container.is_running:
        code = container.exit_code
    elif at == float("inf"):
        raise ProgramError("docker: a simulated guest runs this only with -d", 125)
    else:
        await run.guest.clock.sleep_until(at)
        if container.argv[:1] == ["echo"]:
            run.say(" ".join(container.argv[1:]))
    run.guest.docker.settle(run.guest.clock.now())
    return code


async def create(run: Run) -> int:
    """`docker create [OPTIONS] IMAGE [ARG...]`."""
    options = creation.GRAMMAR.parse("docker create", run.arguments)
    run.say((await creation.create(run, options)).id)
    return 0


async def start(run: Run) -> int:
    """`docker start CONTAINER...`."""
    daemon = run.guest.docker
    for name in _names(START.parse("docker start", run.arguments), "start"):
        container = find(daemon, name)
        if not container.is_running:
            lifecycle.start(daemon, container, run.guest.clock.now())
            daemon.save()
        run.say(name)
    return 0


async def stop(run: Run) -> int:
    """`docker stop [-t SECONDS] CONTAINER...`: SIGTERM never reaches QEMU, so Windows is killed."""
    options = STOP.parse("docker stop", run.arguments)
    for name in _names(options, "stop"):
        await _stop(run, find(run.guest.docker, name), options)
        run.say(name)
    return 0


async def _stop(run: Run, container: Container, options: Options) -> None:
    if not container.is_running:
        return
    given = options.last("-t", "--time", "--timeout")
    timeout = float(given) if given else lifecycle.stop_timeout(container)
    container.is_stopped_by_hand = True
    daemon, clock = run.guest.docker, run.guest.clock
    daemon.save()
    if container.windows:
        limit = clock.now() + timeout
        await clock.sleep_until(min(limit, lifecycle.natural_end(container)[0]))
        daemon.settle(clock.now())
    if container.is_running:
        lifecycle.stop_now(daemon, container, clock.now(), 0)
        daemon.save()


async def restart(run: Run) -> int:
    """`docker restart [-t SECONDS] CONTAINER...`."""
    options = STOP.parse("docker restart", run.arguments)
    daemon = run.guest.docker
    for name in _names(options, "restart"):
        container = find(daemon, name)
        await _stop(run, container, options)
        lifecycle.start(daemon, container, run.guest.clock.now())
        daemon.save()
        run.say(name)
    return 0


async def kill(run: Run) -> int:
    """`docker kill [-s SIGNAL] CONTAINER...`; other signals than KILL reach nobody in dockur."""
    options = KILL.parse("docker kill", run.arguments)
    daemon = run.guest.docker
    for name in _names(options, "kill"):
        container = find(daemon, name)
        if not container.is_running:
            raise ProgramError(
                f"{DAEMON}cannot kill container: {name}: container {container.id} is not running"
            )
        is_soft = options.last("-s", "--signal") in SIGTERM_NAMES
        if not (is_soft and container.windows):
            container.is_stopped_by_hand = True
            code = lifecycle.TERMINATED if is_soft else lifecycle.KILLED
            lifecycle.end(container, run.guest.clock.now(), code)
            daemon.save()
        run.say(name)
    return 0


async def remove(run: Run) -> int:
    """`docker rm [-f] CONTAINER...`."""
    options = REMOVE.parse("docker rm", run.arguments)
    daemon, is_forced, code = run.guest.docker, options.has("-f", "--force"), 0
    for name in _names(options, "rm"):
        try:
            container = find(daemon, name)
            if container.is_running and not is_forced:
                raise ProgramError(  # noqa: TRY301 # one message for all
                    f'{DAEMON}cannot remove container "{name}": container is running: stop the'
                    " container before removing or force remove"
                )
            del daemon.engine.containers[container.id]
            run.say(name)
        except ProgramError as error:
            run.complain(str(error))
            code = 0 if is_forced and "No such container" in str(error) else 1
    daemon.save()
    return code


async def wait(run: Run) -> int:
    """`docker wait CONTAINER...`: prints exit codes when they have ended."""
    daemon, clock = run.guest.docker, run.guest.clock
    for name in _names(grammar(code=125).parse("docker wait", run.arguments), "wait"):
        container = find(daemon, name)
        while container.is_running:
            at = lifecycle.natural_end(container)[0]
            await clock.sleep_until(min(at, clock.now() + 1.0))
            daemon.settle(clock.now())
        run.say(str(container.exit_code))
    return 0


async def logs(run: Run) -> int:
    """`docker logs [-f] [--tail N] CONTAINER`."""
    options = LOGS.parse("docker logs", run.arguments)
    container = find(run.guest.docker, (options.rest or [""])[0])
    lines = _printed(run, container)
    tail, shown = options.last("--tail", "-n"), len(lines)
    if tail and tail != "all":
        lines = lines[len(lines) - min(len(lines), max(0, int(tail))) :]
    for line in lines:
        run.say(line)
    if options.has("-f", "--follow"):
        await _follow(run, container, shown)
    return 0


def _printed(run: Run, container: Container) -> list[str]:
    """What a container has printed in all its runs."""
    lines = container.log + windows.logs(container, run.guest.clock.now())
    is_echo = container.argv[:1] == ["echo"]
    return [*lines, " ".join(container.argv[1:])] if is_echo else lines


async def _follow(run: Run, container: Container, shown: int) -> None:
    """Print what comes until the container has ended or nobody listens any more."""
    daemon, clock = run.guest.docker, run.guest.clock
    while run.is_heard():
        daemon.settle(clock.now())
        lines = _printed(run, container)
        for line in lines[shown:]:
            run.say(line)
        shown = max(shown, len(lines))
        if not container.is_running or container.id not in daemon.engine.containers:
            return
        await clock.sleep_until(clock.now() + FOLLOW_WALL_SECONDS * clock.speed)


def _names(options: Options, command: str) -> list[str]:
    if not options.rest:
        raise ProgramError(f"docker: 'docker {command}' requires at least 1 argument")
    return options.rest
