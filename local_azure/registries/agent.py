"""The machine that an ACR Tasks run is given: a simulated guest with Docker and no way in.

Builds and pushes with the guests' own `docker`, so what fails there fails here, in the same words.
The log reads as ACR's. Refuses to know runs and their states; see `builds`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_azure.guests.base import GuestSpec
from local_azure.guests.durations import GuestDurations
from local_azure.guests.simulated import system
from local_azure.guests.simulated.docker import credentials, images
from local_azure.guests.simulated.docker.registry import Login
from local_azure.guests.simulated.docker.transport import Transport
from local_azure.guests.simulated.guest import Guest, Surroundings
from local_azure.guests.simulated.programs.table import PROGRAMS
from local_azure.guests.simulated.running import Run, run_program
from local_azure.moments import plain
from local_azure.registries.sign_in import TOKEN_USER

if TYPE_CHECKING or sys.version_info >= (3, 12):
    import tarfile
else:  # 3.11's extracts whatever an archive asks for, before 3.11.4
    from backports import tarfile

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

WORKSPACE = "/workspace"
DISK_GIB = 100


class BuildFailedError(Exception):
    """A step of a run failed; the log says why."""


@dataclass(frozen=True)
class Job:
    """What to build.

    Attributes:
        run_id: the run.
        host: login server of the registry.
        token: refresh token for it.
        source: the context, a tar file; None when there is no such upload.
        request: the `DockerBuildRequest`.
    """

    run_id: str
    host: str
    token: str
    source: Path | None
    request: dict[str, Any]

    @property
    def names(self) -> list[str]:
        """The image names that were asked for, templates filled in."""
        fill = {"{{.Run.ID}}": self.run_id, "$ID": self.run_id, "{{.Run.Registry}}/": ""}
        found = [str(name) for name in self.request.get("imageNames") or []]
        for template, value in fill.items():
            found = [name.replace(template, value) for name in found]
        return found


class Agent:
    """One run's machine.

    Args:
        cloud: where it is.
        folder: its disk, thrown away after the run.
        write: takes the log.
    """

    def __init__(self, cloud: Cloud, folder: Path, write: Callable[[str], None]) -> None:
        self._clock, self._write = cloud.clock, write
        self._transport = Transport(cloud.registry_mirror, cloud.folder / "ca.pem")
        spec = GuestSpec(
            vm_id="agent", name="agent", address="", admin_username="root", authorized_keys=(),
            user_data=b"", os_disk=folder, temp_disk=None, vcpus=2, memory_gib=8.0,
            os_disk_gib=DISK_GIB, is_nested=False,
        )  # fmt: skip
        durations = GuestDurations.from_table(cloud.durations.tables["guest"])
        around = Surroundings(
            clock=cloud.clock,
            durations=durations,
            ssh_port=0,
            is_allowed=lambda _source: False,
            transport=self._transport,
            shut_down=lambda: None,
        )
        folder.mkdir(parents=True, exist_ok=True)
        self._guest = Guest(spec, around)
        system.lay_out(self._guest)
        system.install(self._guest, ["docker.io"])
        self._run = Run(
            guest=self._guest,
            files=self._guest.files,
            user="root",
            groups=frozenset(),
            environment={"HOME": "/root"},
            write=self._show,
            write_error=self._show,
            folder=WORKSPACE,
            programs=PROGRAMS,
        )

    async def make(self, job: Job) -> list[dict[str, str]]:
        """Build and push.

        Returns:
            The run's `outputImages`.

        Raises:
            BuildFailedError: a step failed.
        """
        try:
            self._unpack(job)
            self._say("Setting up Docker configuration...")
            self._say("Successfully set up Docker configuration")
            self._say(f"Logging in to registry: {job.host}")
            credentials.keep(self._run, job.host, Login(TOKEN_USER, job.token))
            self._say(f"Successfully logged into {job.host}")
            await self._build(job)
            return await self._push(job) if job.request.get("isPushEnabled", True) else []
        finally:
            await self._transport.close()

    def _unpack(self, job: Job) -> None:
        self._say("Downloading source code...")
        if job.source is None:
            self._say(f"failed to download context: {job.request.get('sourceLocation')!r} is none")
            raise BuildFailedError("failed to download the source")
        target = self._guest.files.host(WORKSPACE)
        target.mkdir(parents=True, exist_ok=True)
        try:
            with tarfile.open(job.source) as archive:
                archive.extractall(target, filter="data")
        except (tarfile.TarError, OSError, EOFError) as error:
            self._say(f"failed to unpack context: {error}")
            raise BuildFailedError("failed to unpack the source") from error
        self._say("Finished downloading source code")

    async def _build(self, job: Job) -> None:
        words = ["build"]
        for name in job.names:
            words += ["-t", f"{job.host}/{name}"]
        for argument in job.request.get("arguments") or []:
            words += ["--build-arg", f"{argument.get('name')}={argument.get('value', '')}"]
        if job.request.get("target"):
            words += ["--target", str(job.request["target"])]
        if job.request.get("noCache"):
            words.append("--no-cache")
        words += ["-f", str(job.request.get("dockerFilePath") or "Dockerfile"), WORKSPACE]
        self._say("Executing step ID: build. Working directory: '', Network: ''")
        await self._docker("build", words)

    async def _push(self, job: Job) -> list[dict[str, str]]:
        made = []
        for name in job.names:
            full = f"{job.host}/{name}"
            self._say(f"Pushing image: {full}, attempt 1")
            await self._docker("push", ["push", full])
            self._say(f"Successfully pushed image: {full}")
            made.append(self._describe(job.host, full))
        return made

    def _describe(self, host: str, full: str) -> dict[str, str]:
        reference, image = images.read_reference(full), images.find(self._guest.docker, full)
        known = [each for each in (image.digests if image else []) if reference.name in each]
        return {
            "registry": host,
            "repository": reference.repository,
            "tag": reference.tag,
            "digest": known[-1].rpartition("@")[2] if known else "",
        }

    async def _docker(self, step: str, words: list[str]) -> None:
        code = await run_program(replace(self._run, argv=["docker", *words]))
        if code:
            self._say(f"Container failed during run: {step}. No retries remaining.")
            self._show(f"failed to run step ID: {step}: exit status {code}\n".encode())
            raise BuildFailedError(f"failed during run, err: exit status {code}")

    def _say(self, text: str) -> None:
        moment = plain(self._clock.now()).replace("-", "/").rstrip("Z")
        self._write(f"{moment} {text}\r\n")

    def _show(self, data: bytes) -> None:
        self._write(data.decode(errors="replace").replace("\n", "\r\n"))
