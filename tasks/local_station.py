"""A unit done by a command on this machine, which reaches the worker through a tunnel."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from tasks.stations import TIMED_OUT, Job, why
from vmpool.errors import GuestUnreachableError, PermanentError
from vmpool.evals import Unit, waa_list
from vmpool.guest import windows
from vmpool.guest.local_ports import LOOPBACK
from vmpool.guest.stream import Hear, Source
from vmpool.guest.tunnel import Tunnel
from vmpool.naming import worker_index

END_WALL_SECONDS = 10.0
"""For a command to end after SIGTERM; then it is killed."""
PROBE_WALL_SECONDS = 10.0
BLOCK_BYTES = 32_768


@dataclass
class Here:
    """Commands run on this machine.

    Attributes:
        job: what is run.
        worker: worker name.
        tunnel: to its WAA server and desktop.
    """

    job: Job
    worker: str
    tunnel: Tunnel

    async def do(self, unit: Unit, attempt: int, hear: Hear) -> None:  # noqa: ARG002 # one folder
        """Run the command here; see `Station`."""
        job, folder = self.job, self.job.folder / unit.name
        await job.call(lambda: _emptied(folder))
        tasks_file = folder.with_name(f"{folder.name}.json")
        if unit.shard is None:
            tasks_file.write_text(waa_list(unit.name))
        turn = job.turn(unit, self.worker, str(folder), str(tasks_file))
        added = {**self._addresses(), **turn.environment, **job.secrets}
        code = await self._run(job.command.argv(turn), added, hear)
        if code:
            await self.recover()
            raise PermanentError(why(code, job.command))

    def _addresses(self) -> dict[str, str]:
        number = worker_index(self.worker)
        desktop = f"http://{LOOPBACK}:{self.tunnel.local_ports[windows.VIEWER_PORT]}"
        endpoint = self._endpoint
        return {
            "WAA_ENDPOINT": endpoint,
            f"WAA_ENDPOINT_{number}": endpoint,
            "WAA_DESKTOP": desktop,
        }

    @property
    def _endpoint(self) -> str:
        return f"http://{LOOPBACK}:{self.tunnel.local_ports[windows.WAA_PORT]}"

    async def _run(self, argv: Sequence[str], added: Mapping[str, str], hear: Hear) -> int:
        """Run a program, and all that it starts, as one group; its exit code."""
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                env={**os.environ, **added},  # noqa: TID251 # it sees what it would by hand
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise PermanentError(f"{argv[0]} can't be run: {error.strerror}") from error
        try:
            async with asyncio.timeout(self.job.clock.wall_seconds(self.job.command.limit_seconds)):
                while data := await _read(process):
                    hear(Source.OUT, data)
                return await process.wait()
        except TimeoutError:
            return TIMED_OUT
        finally:
            await _end(process)

    async def recover(self) -> None:
        """Ask the worker's WAA server through the tunnel; see `Station`."""
        try:
            async with httpx.AsyncClient(timeout=PROBE_WALL_SECONDS, trust_env=False) as client:
                answer = await client.get(f"{self._endpoint}/probe")
        except httpx.HTTPError as error:
            why_not = str(error) or type(error).__name__
            raise GuestUnreachableError(
                f"the WAA server of {self.worker} does not answer: {why_not}"
            ) from error
        if answer.status_code != httpx.codes.OK:
            raise GuestUnreachableError(f"/probe of {self.worker} answers {answer.status_code}")

    async def close(self) -> None:
        """Close the tunnel; see `Station`."""
        await self.job.call(self.tunnel.close)


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


async def _read(process: asyncio.subprocess.Process) -> bytes:
    return await process.stdout.read(BLOCK_BYTES) if process.stdout else b""


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the group, what its leader has left behind included: politely, then not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        if process.returncode is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(END_WALL_SECONDS):
                    await process.wait()
