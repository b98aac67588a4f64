"""docker commands that only show: ps, inspect, version, info."""

from __future__ import annotations

import json
from typing import Any

from local_azure.guests.simulated.docker import formats, images, lifecycle, views, windows
from local_azure.guests.simulated.docker.cli_exec import find
from local_azure.guests.simulated.docker.daemon import Daemon
from local_azure.guests.simulated.docker.model import Container
from local_azure.guests.simulated.programs.options import Options, grammar
from local_azure.guests.simulated.running import ProgramError, Run

PS = grammar("-a --all -q --quiet --no-trunc -l -s", "--format -f --filter -n", code=125)
INSPECT = grammar("-s --size", "-f --format --type", code=125)
FORMAT = grammar("-v", "-f --format", code=125)
VERSION = "28.1.1"
COLUMNS = {"CONTAINER ID": "ID", "IMAGE": "Image", "COMMAND": "Command", "CREATED": "RunningFor",
           "STATUS": "Status", "PORTS": "Ports", "NAMES": "Names"}  # fmt: skip


async def ps(run: Run) -> int:
    """`docker ps [-a] [-q] [--format F] [--filter K=V]`."""
    options = PS.parse("docker ps", run.arguments)
    daemon, now = run.guest.docker, run.guest.clock.now()
    filters = [tuple(item.split("=", 1)) for item in options.all("-f", "--filter")]
    is_all = options.has("-a", "--all") or any(pair[0] == "status" for pair in filters)
    rows = [
        views.container_row(container, now)
        for container in reversed(daemon.engine.containers.values())
        if (is_all or container.is_running) and all(_fits(daemon, container, *p) for p in filters)
    ]
    if options.has("-q", "--quiet"):
        formats.show_ids(run, rows)
    else:
        formats.show(run, rows, COLUMNS, options.last("--format"))
    return 0


def _fits(daemon: Daemon, container: Container, key: str, value: str = "") -> bool:
    """One filter; names are patterns anywhere in the name, as in Docker."""
    if key == "name":
        pattern = value.strip("^$").removeprefix("/")
        is_whole = value.startswith("^") and value.endswith("$")
        return pattern == container.name if is_whole else pattern in container.name
    if key == "status":
        return container.status == value
    if key == "id":
        return container.id.startswith(value)
    if key == "ancestor":
        image = images.find(daemon, value)
        return image is not None and image.id == container.image_id
    if key == "label":
        name, has_value, wanted = value.partition("=")
        labels: dict[str, str] = container.options["labels"]
        return name in labels and (not has_value or labels[name] == wanted)
    if key == "exited":
        return not container.is_running and str(container.exit_code) == value
    raise ProgramError(f"Error response from daemon: invalid filter '{key}'")


async def inspect(run: Run) -> int:
    """`docker inspect [--format F] [--type T] NAME...`: containers first, then images."""
    options = INSPECT.parse("docker inspect", run.arguments)
    return _inspect(run, options, options.last("--type"))


async def inspect_image(run: Run) -> int:
    """`docker image inspect`."""
    return _inspect(run, INSPECT.parse("docker image inspect", run.arguments), "image")


async def inspect_container(run: Run) -> int:
    """`docker container inspect`."""
    return _inspect(run, INSPECT.parse("docker container inspect", run.arguments), "container")


def _inspect(run: Run, options: Options, kind: str) -> int:
    documents, missing = [], []
    for name in options.rest:
        document = _document(run.guest.docker, name, kind)
        if document is None:
            missing.append(name)
        else:
            documents.append(document)
    form = options.last("-f", "--format")
    if not form:
        run.say(json.dumps(documents, indent=4))
    for document in documents if form else []:
        formats.show_document(run, document, form)
    for name in missing:
        run.complain(_absent(name, kind))
    return 1 if missing or not options.rest else 0


def _absent(name: str, kind: str) -> str:
    if kind in ("image", "container"):
        return f"Error response from daemon: No such {kind}: {name}"
    return f"Error: No such object: {name}"


def _document(daemon: Daemon, name: str, kind: str) -> dict[str, Any] | None:
    if kind in ("", "container"):
        try:
            container = find(daemon, name)
        except ProgramError:
            container = None
        if container:
            return views.container_document(container, _anonymous_storage(daemon, container))
    image = images.find(daemon, name) if kind in ("", "image") else None
    return views.image_document(image) if image else None


def _anonymous_storage(daemon: Daemon, container: Container) -> str | None:
    image = daemon.engine.images.get(container.image_id)
    targets = [target for _, target in container.options["mounts"]]
    if image is None or not windows.is_windows(image) or windows.STORAGE in targets:
        return None
    return lifecycle.storage_path(daemon, container)


async def version(run: Run) -> int:
    """`docker version [--format F]`."""
    options = FORMAT.parse("docker version", run.arguments)
    facts = {"Version": VERSION, "ApiVersion": "1.49", "Os": "linux", "Arch": "amd64"}
    document = {"Client": facts, "Server": facts}
    form = options.last("-f", "--format")
    if form:
        formats.show_document(run, document, form)
        return 0
    for side in ("Client", "Server"):
        run.say(
            f"{side}: Docker Engine - Community\n Version:    {VERSION}\n OS/Arch:    linux/amd64"
        )
    return 0


async def info(run: Run) -> int:
    """`docker info [--format F]`."""
    options = FORMAT.parse("docker info", run.arguments)
    daemon = run.guest.docker
    running = sum(each.is_running for each in daemon.engine.containers.values())
    document = {
        "Containers": len(daemon.engine.containers),
        "ContainersRunning": running,
        "ContainersStopped": len(daemon.engine.containers) - running,
        "Images": len(daemon.engine.images),
        "DockerRootDir": daemon.root,
        "ServerVersion": VERSION,
        "NCPU": run.guest.spec.vcpus,
        "MemTotal": int(run.guest.spec.memory_gib * (1 << 30)),
        "Name": run.guest.spec.name,
        "OperatingSystem": "Ubuntu 24.04.2 LTS",
    }
    form = options.last("-f", "--format")
    if form:
        formats.show_document(run, document, form)
        return 0
    run.say("Server:")
    for name, value in document.items():
        run.say(f" {name}: {value}")
    return 0
