"""What Docker shows of images and containers: inspect documents and rows of lists."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from local_azure.guests.simulated.docker.model import CREATED, Container, Image
from local_azure.oci.references import parse_reference

SHORT = 12
NEVER = "0001-01-01T00:00:00Z"
NONE = "<none>"
AGES = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def moment(at: float) -> str:
    """A time as Docker writes it; 0 is never."""
    if not at:
        return NEVER
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def age(seconds: float) -> str:
    """A duration as Docker rounds it."""
    if seconds < 1:
        return "Less than a second"
    size, unit = next(each for each in AGES if seconds >= each[0])
    count = int(seconds // size)
    return (
        f"About a {unit}"
        if count == 1 and unit == "minute"
        else f"{count} {unit}{'s' * (count > 1)}"
    )


def size_text(size: int) -> str:
    """Bytes as Docker writes them (powers of 1000)."""
    value, units = float(size), iter("kMGT")
    unit = ""
    while value >= 1000:  # noqa: PLR2004 # a decimal prefix
        value, unit = value / 1000, next(units)
    return f"{value:.3g}{unit}B"


def container_document(container: Container, storage: str | None) -> dict[str, Any]:
    """`docker inspect` of a container.

    Args:
        container: the container.
        storage: guest path of an anonymous `/storage`, or None.
    """
    options = container.options
    argv = container.argv or [""]
    return {
        "Id": container.id,
        "Created": moment(container.created),
        "Path": argv[0],
        "Args": argv[1:],
        "State": state_document(container),
        "Image": container.image_id,
        "Name": f"/{container.name}",
        "RestartCount": container.restarts,
        "Mounts": _mounts(options["mounts"], storage),
        "HostConfig": _host_config(options),
        "Config": {
            "Image": container.image,
            "Env": [f"{name}={value}" for name, value in options["environment"].items()],
            "Cmd": container.argv or None,
            "Labels": options["labels"],
            "StopTimeout": options["stop_timeout"],
        },
        "NetworkSettings": {"Ports": _ports(options["ports"]) if container.is_running else {}},
    }


def state_document(container: Container) -> dict[str, Any]:
    """`.State` of a container."""
    is_created = container.status == CREATED
    return {
        "Status": container.status,
        "Running": container.is_running,
        "Paused": False,
        "Restarting": False,
        "OOMKilled": False,
        "Dead": False,
        "Pid": 4000 + int(container.id[:3], 16) if container.is_running else 0,
        "ExitCode": container.exit_code,
        "Error": container.error if is_created else "",
        "StartedAt": moment(container.started_at),
        "FinishedAt": moment(container.finished_at),
    }


def container_row(container: Container, now: float) -> dict[str, Any]:
    """A row of `docker ps`."""
    options = container.options
    command = " ".join(container.argv)
    return {
        "Command": f'"{command}"',
        "CreatedAt": _local(container.created),
        "ID": container.id[:SHORT],
        "Image": container.image,
        "Labels": ",".join(f"{name}={value}" for name, value in options["labels"].items()),
        "LocalVolumes": "0",
        "Mounts": ",".join(source for source, _ in options["mounts"]),
        "Names": container.name,
        "Networks": options["network"],
        "Ports": _ports_text(options["ports"]) if container.is_running else "",
        "RunningFor": f"{age(now - container.created)} ago",
        "Size": "0B",
        "State": container.status,
        "Status": status_text(container, now),
    }


def status_text(container: Container, now: float) -> str:
    """`Up 2 minutes`, `Exited (0) 3 seconds ago`, `Created`."""
    if container.is_running:
        return f"Up {age(now - container.started_at)}"
    if container.status == CREATED:
        return "Created"
    return f"Exited ({container.exit_code}) {age(now - container.finished_at)} ago"


def image_document(image: Image) -> dict[str, Any]:
    """`docker inspect` of an image."""
    return {
        "Id": image.id,
        "RepoTags": [_familiar(name) for name in image.references],
        "RepoDigests": [_familiar(name) for name in image.digests],
        "Created": moment(image.created),
        "Architecture": "amd64",
        "Os": "linux",
        "Size": image.size_bytes,
        "Config": image.config,
        "RootFS": {"Type": "layers", "Layers": [layer.diff_id for layer in image.layers]},
    }


def image_rows(image: Image, now: float) -> list[dict[str, Any]]:
    """Rows of `docker images`, one for each name."""
    row = {
        "Containers": "N/A",
        "CreatedAt": _local(image.created),
        "CreatedSince": f"{age(now - image.created)} ago",
        "Digest": NONE,
        "ID": image.id[7 : 7 + SHORT],
        "SharedSize": "N/A",
        "Size": size_text(image.size_bytes),
        "UniqueSize": "N/A",
        "VirtualSize": size_text(image.size_bytes),
    }
    names = [parse_reference(name) for name in image.references]
    if not names:
        return [{**row, "Repository": NONE, "Tag": NONE}]
    return [{**row, "Repository": name.familiar, "Tag": name.tag} for name in names]


def table(columns: dict[str, str], rows: list[dict[str, Any]]) -> list[str]:
    """Lines of a table with headings; `columns` maps a heading to a key."""
    cells = [list(columns), *([str(row[key]) for key in columns.values()] for row in rows)]
    widths = [max(len(line[number]) for line in cells) for number in range(len(columns))]
    return [
        "   ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]


def _familiar(full: str) -> str:
    reference = parse_reference(full)
    end = f"@{reference.digest}" if reference.digest else f":{reference.tag}"
    return reference.familiar + end


def _local(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S +0000 UTC")


def _mounts(mounts: list[list[str]], storage: str | None) -> list[dict[str, Any]]:
    found = [
        {"Type": "bind", "Source": source, "Destination": target, "Mode": "", "RW": True}
        for source, target in mounts
    ]
    if storage:
        found.append({"Type": "volume", "Source": storage, "Destination": "/storage", "RW": True})
    return found


def _host_config(options: dict[str, Any]) -> dict[str, Any]:
    policy, _, count = options["restart"].partition(":")
    return {
        "Binds": [f"{source}:{target}" for source, target in options["mounts"]],
        "NetworkMode": options["network"],
        "RestartPolicy": {"Name": policy, "MaximumRetryCount": int(count or 0)},
        "AutoRemove": options["auto_remove"],
        "Privileged": options["privileged"],
        "CapAdd": options["capabilities"],
        "PortBindings": _ports(options["ports"]),
        "Devices": [
            {"PathOnHost": device, "PathInContainer": device, "CgroupPermissions": "rwm"}
            for device in options["devices"]
        ],
    }


def _ports(ports: list[list[Any]]) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for host_ip, host_port, inner in ports:
        binding = {"HostIp": host_ip or "0.0.0.0", "HostPort": str(host_port)}  # noqa: S104 # Docker's words
        found.setdefault(f"{inner}/tcp", []).append(binding)
    return found


def _ports_text(ports: list[list[Any]]) -> str:
    return ", ".join(
        f"{host_ip or '0.0.0.0'}:{host_port}->{inner}/tcp"  # noqa: S104 # Docker's words
        for host_ip, host_port, inner in ports
    )
