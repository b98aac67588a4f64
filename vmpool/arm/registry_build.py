"""ACR Tasks: Azure builds the image from our context and puts it into the registry, without any VM.

Costs 0.0001 USD a second of a CPU (Azure's price page), two CPUs by default.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vmpool.arm import web
from vmpool.arm.clients import Cloud
from vmpool.arm.registry import ContainerRegistry
from vmpool.arm.rest import get, send
from vmpool.context import BuildContext
from vmpool.errors import TransientError, VmPoolError

TASKS_API = "2019-06-01-preview"
ASK_WALL_SECONDS = 60.0
BUILD_SECONDS = 7200
"""Limit that the build is given; Azure's default of an hour is short for images of 10 GB."""
LAST_LINES = 3
ENDED = frozenset({"Succeeded", "Failed", "Canceled", "Error", "Timeout"})


@dataclass(frozen=True)
class BuildRun:
    """One build.

    Attributes:
        id: run id.
        status: Queued, Started, Running, Succeeded, Failed, Canceled, Error or Timeout.
        digest: of what was made, "" until then.
    """

    id: str
    status: str
    digest: str = ""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.status in ENDED


def begin_build(
    cloud: Cloud,
    registry: ContainerRegistry,
    context: BuildContext,
    names: Sequence[str],
    arguments: Mapping[str, str],
) -> BuildRun:
    """Upload the context and have the registry build and keep the image.

    Args:
        cloud: connection.
        registry: where.
        context: Dockerfile and what it copies.
        names: `repository:tag`s that the image gets.
        arguments: `--build-arg`s; they are seen in the image's history: no secrets.

    Raises:
        VmPoolError: Azure refused or could not be asked.
    """
    query = {"api-version": TASKS_API}
    source = send(cloud, "POST", f"{registry.resource_id}/listBuildSourceUploadUrl", query)
    _upload(cloud, str(source["uploadUrl"]), packed(context))
    body = {
        "type": "DockerBuildRequest",
        "sourceLocation": source["relativePath"],
        "dockerFilePath": "Dockerfile",
        "imageNames": list(names),
        "isPushEnabled": True,
        "timeout": BUILD_SECONDS,
        "platform": {"os": "Linux", "architecture": "amd64"},
        "arguments": [
            {"name": name, "value": value, "isSecret": False} for name, value in arguments.items()
        ],
    }
    answer = send(cloud, "POST", f"{registry.resource_id}/scheduleRun", query, body)
    return _decode(answer)


def packed(context: BuildContext) -> bytes:
    """The context as a gzipped tar file; the same content is the same bytes."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name in sorted(context.files):
            entry = tarfile.TarInfo(name)
            entry.size = len(context.files[name])
            archive.addfile(entry, io.BytesIO(context.files[name]))
    return gzip.compress(file.getvalue(), mtime=0)


def _upload(cloud: Cloud, url: str, content: bytes) -> None:
    """Put the context where Azure said; the address itself is what opens it, and is not logged."""
    headers = {"x-ms-blob-type": "BlockBlob"}
    with web.client(cloud, ASK_WALL_SECONDS) as asking:
        answer = web.request(
            asking, "the registry's upload", "PUT", url, content=content, headers=headers
        )
    if answer.is_error:
        raise TransientError(f"the build context was not taken: status {answer.status_code}")


def find_build(cloud: Cloud, registry: ContainerRegistry, run: str) -> BuildRun:
    """How far a build is.

    Raises:
        VmPoolError: Azure could not be asked.
    """
    return _decode(get(cloud, f"{registry.resource_id}/runs/{run}", TASKS_API))


def cancel_build(cloud: Cloud, registry: ContainerRegistry, run: str) -> None:
    """Have a build end.

    Raises:
        VmPoolError: Azure refused, for example because it has ended.
    """
    query = {"api-version": TASKS_API}
    send(cloud, "POST", f"{registry.resource_id}/runs/{run}/cancel", query)


def last_words(cloud: Cloud, registry: ContainerRegistry, run: str) -> str:
    """The end of a build's log, "" if it can't be read."""
    query = {"api-version": TASKS_API}
    try:
        found = send(cloud, "POST", f"{registry.resource_id}/runs/{run}/listLogSasUrl", query)
        with web.client(cloud, ASK_WALL_SECONDS) as asking:
            answer = web.request(asking, "the build's log", "GET", str(found.get("logLink")))
    except VmPoolError:
        return ""
    lines = [] if answer.is_error else answer.text.strip().splitlines()
    return " ".join(lines[-LAST_LINES:])


def _decode(document: Mapping[str, object]) -> BuildRun:
    properties = document.get("properties")
    found = properties if isinstance(properties, dict) else {}
    made = found.get("outputImages") or [{}]
    return BuildRun(
        id=str(found.get("runId") or document.get("name")),
        status=str(found.get("status", "Queued")),
        digest=str(made[0].get("digest") or ""),
    )
