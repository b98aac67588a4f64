"""`docker run` and `docker create`: options into a container."""

from __future__ import annotations

import re
import secrets
from typing import Any

from local_azure.guests.simulated.docker import images
from local_azure.guests.simulated.docker.daemon import Daemon
from local_azure.guests.simulated.docker.model import Container, Image
from local_azure.guests.simulated.docker.pull import pull
from local_azure.guests.simulated.files import normalise
from local_azure.guests.simulated.programs.options import Options, grammar
from local_azure.guests.simulated.running import ProgramError, Run

GRAMMAR = grammar(
    "-d --detach -i --interactive -t --tty --rm --privileged --init -P --publish-all --read-only"
    " -q --quiet",
    "--name -p --publish -v --volume -e --env --restart --device --cap-add --stop-timeout"
    " --network --net --pull --platform --hostname -h --label -l --shm-size --memory -m --cpus"
    " --ulimit --mount --entrypoint --log-driver --log-opt --user -u --workdir -w --stop-signal"
    " --security-opt --add-host",
    stops_at_word=True,
    code=125,
)  # fmt: skip
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
POLICY = re.compile(r"no|always|unless-stopped|on-failure(:\d+)?")
DAEMON = "docker: Error response from daemon: "
CODE = 125


async def create(run: Run, options: Options) -> Container:
    """Make a container, pulling its image when that is missing.

    Raises:
        ProgramError: in Docker's words.
    """
    if not options.rest:
        raise ProgramError("docker: 'docker run' requires at least 1 argument", CODE)
    name, *argv = options.rest
    wanted = read(run, options)
    image = await _image(run, name, options.last("--pull", default="missing"))
    daemon, now = run.guest.docker, run.guest.clock.now()
    container = Container(
        id=secrets.token_hex(32),
        name=options.last("--name") or f"container_{secrets.token_hex(4)}",
        image_id=image.id,
        image=name,
        argv=command(image, argv, options.last("--entrypoint")),
        created=now,
        options=_defaults(wanted, image),
    )
    _check_name(daemon, container.name)
    for source, _ in container.options["mounts"]:
        daemon.host(source).mkdir(parents=True, exist_ok=True)
    daemon.engine.containers[container.id] = container
    daemon.save()
    return container


def read(run: Run, options: Options) -> dict[str, Any]:
    """The options that a container keeps.

    Raises:
        ProgramError: one is malformed.
    """
    restart = options.last("--restart", default="no")
    if not POLICY.fullmatch(restart):
        raise ProgramError(f"{DAEMON}invalid restart policy: unknown policy '{restart}'", CODE)
    timeout = options.last("--stop-timeout")
    labels = (item.partition("=") for item in options.all("--label", "-l"))
    return {
        "ports": [_port(text) for text in options.all("-p", "--publish")],
        "mounts": [
            *(_volume(run, text) for text in options.all("-v", "--volume")),
            *(_mount(run, text) for text in options.all("--mount")),
        ],
        "environment": dict(_pair(run, item) for item in options.all("-e", "--env")),
        "labels": {name: value for name, _, value in labels},
        "restart": restart,
        "devices": [item.partition(":")[0] for item in options.all("--device")],
        "capabilities": options.all("--cap-add") or None,
        "stop_timeout": _number(timeout) if timeout else None,
        "network": options.last("--network", "--net", default="bridge"),
        "auto_remove": options.has("--rm"),
        "privileged": options.has("--privileged"),
    }


def command(image: Image, argv: list[str], entrypoint: str) -> list[str]:
    """What a container runs: entry point and command, replaced where given."""
    before = [entrypoint] if entrypoint else image.config.get("Entrypoint") or []
    after = argv or ([] if entrypoint else image.config.get("Cmd") or [])
    return [*before, *after]


def _defaults(wanted: dict[str, Any], image: Image) -> dict[str, Any]:
    pairs = (item.partition("=") for item in image.config.get("Env") or [])
    environment = {name: value for name, _, value in pairs} | wanted["environment"]
    return {**wanted, "environment": environment}


async def _image(run: Run, name: str, policy: str) -> Image:
    image = images.find(run.guest.docker, name)
    if image and policy != "always":
        return image
    if policy == "never":
        raise ProgramError(f"{DAEMON}No such image: {name}", CODE)
    reference = images.read_reference(name, CODE)
    run.complain(f"Unable to find image '{reference.familiar}:{reference.tag}' locally")
    try:
        return await pull(run, name, is_quiet=True)
    except ProgramError as error:
        raise ProgramError(f"docker: {error}", CODE) from None


def _check_name(daemon: Daemon, name: str) -> None:
    if not NAME.fullmatch(name):
        raise ProgramError(
            f"{DAEMON}Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
            CODE,
        )
    for other in daemon.engine.containers.values():
        if other.name == name:
            raise ProgramError(
                f'{DAEMON}Conflict. The container name "/{name}" is already in use by container'
                f' "{other.id}". You have to remove (or rename) that container to be able to reuse'
                " that name.",
                CODE,
            )


def _port(text: str) -> list[Any]:
    """`[ip:]host:container[/tcp]` as host address, host port, container port."""
    *address, host, inner = ["", *text.removesuffix("/tcp").split(":")]
    ports = [host or inner, inner]
    if not all(word.isdecimal() and 0 < int(word) < 1 << 16 for word in ports):
        raise ProgramError(f"docker: invalid publish opts format: {text}", CODE)
    return [":".join(word for word in address if word), int(ports[0]), int(ports[1])]


def _volume(run: Run, text: str) -> list[str]:
    source, colon, rest = text.partition(":")
    target = rest.partition(":")[0]
    if not colon:
        source, target = "", text
    return _bind(run, source, target, text)


def _mount(run: Run, text: str) -> list[str]:
    facts = dict(item.partition("=")[::2] for item in text.split(","))
    source = facts.get("source") or facts.get("src") or ""
    target = facts.get("target") or facts.get("destination") or facts.get("dst") or ""
    is_bind = facts.get("type") == "bind"
    if is_bind and not run.guest.docker.host(normalise(source)).exists():
        raise ProgramError(
            f'{DAEMON}invalid mount config for type "bind": bind source path does not exist:'
            f" {source}",
            CODE,
        )
    return _bind(run, source, target, text)


def _bind(run: Run, source: str, target: str, text: str) -> list[str]:
    if not target.startswith("/"):
        raise ProgramError(
            f"docker: Error response from daemon: invalid volume specification: '{text}'", CODE
        )
    if not source.startswith("/"):
        volume = source or secrets.token_hex(32)
        if not NAME.fullmatch(volume):
            raise ProgramError(f"{DAEMON}create {source}: invalid local volume name", CODE)
        source = f"{run.guest.docker.root}/volumes/{volume}/_data"
    return [normalise(source), normalise(target)]


def _pair(run: Run, item: str) -> tuple[str, str]:
    name, has_value, value = item.partition("=")
    return name, value if has_value else run.environment.get(name, "")


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ProgramError(
            f'invalid argument "{text}" for "--stop-timeout" flag: must be a number', CODE
        ) from None
