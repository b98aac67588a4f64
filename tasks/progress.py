"""How far a run is, for the Prefect UI: the progress artifact `<pool>-progress`.

Written now and then, not with each phase: 64 workers begin and end 1,200 phases.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from uuid import UUID

from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact
from prefect.logging import get_run_logger

from tasks.session import Session
from vmpool.forecast import Forecast, Live
from vmpool.progress import percent, said

EVERY_WALL_SECONDS = 15.0
"""Between two updates: a cold start of 42 minutes writes 168 of them."""
FIRST_LOOK_WALL_SECONDS = 0.5
"""Between looks at whether any phase has begun: a run that finds nothing to do leaves none."""


@dataclass
class Progress:
    """The progress artifact of one run.

    Args:
        flow: the flow's name.
        session: the operation.
        live: what has begun and ended.
        forecast: what to expect.
    """

    flow: str
    session: Session
    live: Live
    forecast: Forecast
    _artifact: UUID | None = None

    async def keep(self, over: asyncio.Event) -> None:
        """Write it again and again until it is over; no write is cut in two."""
        pause = FIRST_LOOK_WALL_SECONDS
        while not over.is_set():
            if self.live.workers:
                now = self.session.clock.now()
                await self._write(percent(self.flow, self.live, self.forecast, now), "")
                pause = EVERY_WALL_SECONDS
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await over.wait()

    async def end(self, *, failed: bool) -> None:
        """Write it for the last time; a run whose phases have not begun leaves none."""
        if not self.live.workers:
            return
        now = self.session.clock.now()
        share = percent(self.flow, self.live, self.forecast, now) if failed else 100.0
        await self._write(share, "failed" if failed else "done")

    async def _write(self, share: float, ending: str) -> None:
        line = said(self.flow, self.live, self.forecast, self.session.clock.now())
        words = f"{self.flow} {ending}" if ending else line
        try:
            if self._artifact is None:
                key = f"{self.session.pool}-progress"
                self._artifact = await acreate_progress_artifact(share, key=key, description=words)
            else:
                await aupdate_progress_artifact(self._artifact, share, description=words)
        except Exception as error:  # noqa: BLE001 # a lost bar must not fail a paid-for operation
            get_run_logger().debug("The progress artifact could not be written: %s", error)


@asynccontextmanager
async def kept(progress: Progress) -> AsyncIterator[None]:
    """Keep the artifact up to date while the block runs."""
    over = asyncio.Event()
    keeper = asyncio.create_task(progress.keep(over))
    failed = True
    try:
        yield
        failed = False
    finally:
        over.set()
        await asyncio.wait([keeper])  # not awaited itself: it could swallow that we are cancelled
        await progress.end(failed=failed)
