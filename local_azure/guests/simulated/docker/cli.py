"""The `docker` program: which command, and whether its user may ask the engine at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from local_azure.guests.simulated.docker import (
    cli_containers,
    cli_disk,
    cli_exec,
    cli_images,
    cli_registry,
    cli_views,
    credentials,
)
from local_azure.guests.simulated.programs.options import grammar
from local_azure.guests.simulated.running import Program, ProgramError, Run

GLOBAL = grammar("-D --debug -v --version", "--config --log-level -l", stops_at_word=True, code=125)
IMAGE: Mapping[str, Program] = {
    "pull": cli_registry.pull, "build": cli_images.build, "ls": cli_images.list_images,
    "tag": cli_images.tag, "rm": cli_images.remove, "push": cli_registry.push,
    "inspect": cli_views.inspect_image, "prune": cli_disk.prune_images,
}  # fmt: skip
CONTAINER: Mapping[str, Program] = {
    "run": cli_containers.run_container, "create": cli_containers.create,
    "start": cli_containers.start, "stop": cli_containers.stop, "kill": cli_containers.kill,
    "rm": cli_containers.remove, "wait": cli_containers.wait, "restart": cli_containers.restart,
    "exec": cli_exec.execute, "cp": cli_exec.copy, "logs": cli_containers.logs, "ls": cli_views.ps,
    "inspect": cli_views.inspect_container, "prune": cli_disk.prune_containers,
}  # fmt: skip
BUILDER: Mapping[str, Program] = {"build": cli_images.build, "prune": cli_disk.prune_builder}
GROUPS = {
    "image": IMAGE, "container": CONTAINER, "buildx": BUILDER, "builder": BUILDER,
    "system": cli_disk.SYSTEM,
}  # fmt: skip
GROUPED = ("ls", "inspect", "prune")
"""Commands that exist only behind `docker container`."""
COMMANDS: Mapping[str, Program] = {
    **{name: program for name, program in CONTAINER.items() if name not in GROUPED},
    "ps": cli_views.ps, "inspect": cli_views.inspect, "version": cli_views.version,
    "info": cli_views.info, "pull": cli_registry.pull,
    "build": cli_images.build, "images": cli_images.list_images, "tag": cli_images.tag,
    "rmi": cli_images.remove, "push": cli_registry.push, "login": cli_registry.login,
    "logout": cli_registry.logout,
}  # fmt: skip


async def docker(run: Run) -> int:
    """`docker [OPTIONS] COMMAND`."""
    options = GLOBAL.parse("docker", run.arguments)
    if options.has("-v", "--version"):
        run.say(f"Docker version {cli_views.VERSION}, build 4eba377")
        return 0
    name, *words = options.rest or [""]
    table, title = COMMANDS, "docker"
    if name in GROUPS:
        table, title = GROUPS[name], f"docker {name}"
        name, *words = words or [""]
    program = table.get(name)
    if program is None:
        raise ProgramError(f"{title}: '{name}' is not a {title} command.\nSee '{title} --help'")
    run.guest.docker.check(run)
    environment = dict(run.environment)
    if folder := options.last("--config"):
        environment[credentials.FOLDER] = run.path(folder)
    return await program(replace(run, argv=[f"docker {name}", *words], environment=environment))
