"""A unit done on the worker itself: on its VM, or in its Windows container."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from tasks.stations import Job, why
from tasks.uncut import call_uncut_in
from vmpool.errors import GuestCommandError, GuestUnreachableError, PermanentError
from vmpool.evals import Unit, waa_list
from vmpool.guest import evals, windows
from vmpool.guest.evals import Site
from vmpool.guest.shell import Shell
from vmpool.guest.stream import Hear

SAVE_WALL_SECONDS = 10.0
"""For fetching what an interrupted unit has done: Prefect kills a cancelled run soon after."""


@dataclass
class There:
    """Commands run on the worker.

    Attributes:
        job: what is run.
        worker: worker name.
        site: where.
        shell: for what goes beside the command.
    """

    job: Job
    worker: str
    site: Site
    shell: Shell

    async def do(self, unit: Unit, attempt: int, hear: Hear) -> None:
        """Run the command there and fetch what it left; see `Station`."""
        folder = self.site.folder(unit.name, attempt)
        try:
            code = await self._run_and_fetch(unit, folder, hear)
        except GuestCommandError:  # a container that has ended refuses everything
            await self._check()
            raise
        if code:
            await self._check()
            raise PermanentError(why(code, self.job.command))

    async def _run_and_fetch(self, unit: Unit, folder: str, hear: Hear) -> int | None:
        job, tasks = self.job, waa_list(unit.name) if unit.shard is None else ""
        await job.call(lambda: evals.prepare(self.site, self.shell, folder, job.limit, tasks))
        code = await self._run(unit, folder, hear)
        await job.call(lambda: evals.fetch(self.site, folder, job.folder / unit.name))
        return code

    async def _run(self, unit: Unit, folder: str, hear: Hear) -> int | None:
        """The command's exit code; cancelled, the connection is cut before we go."""
        job, end = self.job, threading.Event()
        turn = job.turn(unit, self.worker, folder, f"{folder}.json")
        run = partial(
            evals.run, self.site, job.command.argv(turn), turn.environment, hear,
            limit_seconds=job.command.limit_seconds, secrets=job.secrets, end=end,
        )  # fmt: skip
        try:
            return await call_uncut_in(job.threads, run, stop=end.set)
        except asyncio.CancelledError:
            await self._save(unit, folder)
            raise

    async def _save(self, unit: Unit, folder: str) -> None:
        """Bring home what an interrupted unit has done so far; there is not much time."""

        def save() -> None:
            evals.end_all(self.site, self.shell, SAVE_WALL_SECONDS)
            evals.fetch(self.site, folder, self.job.folder / unit.name)

        with suppress(Exception):  # a VM that can't be reached keeps it
            async with asyncio.timeout(SAVE_WALL_SECONDS):
                await self.job.call(save)

    async def _check(self) -> None:
        """Raise unless the worker's WAA server answers."""
        if not await self.job.call(lambda: windows.probe(self.shell, self.job.limit)):
            raise GuestUnreachableError(f"the WAA server of {self.worker} does not answer")

    async def recover(self) -> None:
        """End what still runs there; see `Station`."""
        await self.job.call(lambda: evals.end_all(self.site, self.shell, self.job.limit))
        await self._check()

    async def close(self) -> None:
        """End what still runs there, if it can be reached; see `Station`."""
        with suppress(Exception):  # whatever it is, the pool's pause or timer ends the VM
            await self.job.call(lambda: evals.end_all(self.site, self.shell, self.job.limit))
        with suppress(Exception):
            await self.job.call(self.shell.close)
