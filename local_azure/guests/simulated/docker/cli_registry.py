"""docker commands that talk to registries: pull, push, login, logout."""

from __future__ import annotations

from local_azure.guests.simulated.docker import credentials
from local_azure.guests.simulated.docker import pull as pulling
from local_azure.guests.simulated.docker import push as pushing
from local_azure.guests.simulated.docker.images import DAEMON, need, read_reference
from local_azure.guests.simulated.docker.registry import Login, Registry, RegistryError
from local_azure.guests.simulated.programs.options import grammar
from local_azure.guests.simulated.running import ProgramError, Run
from local_azure.oci.references import HUB, HUB_NAMES

PULL = grammar("-q --quiet -a", "--platform", code=125)
PUSH = grammar("-q --quiet", code=125)
LOGIN = grammar("--password-stdin", "-u --username -p --password", code=125)


async def pull(run: Run) -> int:
    """`docker pull [-q] IMAGE`."""
    options = PULL.parse("docker pull", run.arguments)
    need(options.rest, "docker pull", 1)
    await pulling.pull(run, options.rest[0], is_quiet=options.has("-q", "--quiet"))
    run.say(read_reference(options.rest[0]).full)
    return 0


async def push(run: Run) -> int:
    """`docker push [-q] IMAGE`."""
    options = PUSH.parse("docker push", run.arguments)
    need(options.rest, "docker push", 1)
    await pushing.push(run, options.rest[0], is_quiet=options.has("-q", "--quiet"))
    return 0


async def login(run: Run) -> int:
    """`docker login -u USER --password-stdin [REGISTRY]`: kept if the registry takes it."""
    options = LOGIN.parse("docker login", run.arguments)
    registry = _registry(options.rest)
    user = options.last("-u", "--username")
    password = options.last("-p", "--password")
    if password:
        run.complain("WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
    elif options.has("--password-stdin"):
        password = (await run.read()).decode().strip()
    if not user or not password:
        raise ProgramError("Error: Cannot perform an interactive login from a non TTY device")
    given = Login(user, password)
    try:
        await Registry(run.guest.around.transport, registry, given).log_in()
    except RegistryError as error:
        raise ProgramError(f"{DAEMON}{error}") from None
    credentials.keep(run, registry, given)
    run.complain(
        f"\nWARNING! Your credentials are stored unencrypted in '{credentials.path(run)}'."
    )
    run.say("Login Succeeded")
    return 0


async def logout(run: Run) -> int:
    """`docker logout [REGISTRY]`."""
    registry = _registry(run.arguments)
    if credentials.forget(run, registry):
        run.say(f"Removing login credentials for {registry}")
    else:
        run.say(f"Not logged in to {registry}")
    return 0


def _registry(words: list[str]) -> str:
    """The host that is meant: Docker Hub by any of its names when none is given."""
    host = (words or [HUB])[0].removeprefix("https://").partition("/")[0]
    return HUB if host in HUB_NAMES else host
