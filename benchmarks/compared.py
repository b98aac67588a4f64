"""What the product said of a pool's cost beside what was true."""

from __future__ import annotations

import math
from dataclasses import dataclass

LIMIT = 0.01
"""The most that the end of a life may be off."""
SECOND_USD = 0.6 / 3600
"""What a second of the dearest worker costs. No life can be known better: Azure tells its time in
whole seconds, and a process that dies can't say when its last request arrived. More than 1 % only
of a life of a minute or less."""
BLINK_USD = 2.5 * SECOND_USD
"""What `uncertain_usd` may lack: whole seconds again, and the meter is read a moment later."""


@dataclass(frozen=True)
class Seen:
    """One look.

    Attributes:
        tracked: what the product says, None if it says that it does not know.
        uncertain: by how much it says that may be wrong.
        true: what the meter says.
    """

    tracked: float | None
    uncertain: float | None
    true: float

    @property
    def off_usd(self) -> float:
        """By how much the product is wrong; infinite if it does not know."""
        return math.inf if self.tracked is None else abs(self.tracked - self.true)

    @property
    def error(self) -> float:
        """The same in proportion."""
        return self.off_usd / self.true if self.true else 0.0

    @property
    def is_covered(self) -> bool:
        """Whether the truth lies where the product says that it must."""
        return self.off_usd <= (self.uncertain or 0.0) + BLINK_USD


@dataclass(frozen=True)
class Compared:
    """One life.

    Attributes:
        pool: pool name.
        steps: what happened.
        seen: every look; the last one is that of its end.
    """

    pool: str
    steps: tuple[str, ...]
    seen: tuple[Seen, ...]

    @property
    def end(self) -> Seen:
        """What its whole life cost."""
        return self.seen[-1]

    @property
    def is_exact(self) -> bool:
        """Whether its end is off by at most 1 %, or by the price of a second."""
        return self.end.off_usd <= max(LIMIT * self.end.true, SECOND_USD)

    @property
    def is_covered(self) -> bool:
        """Whether no look said that it is surer than it was."""
        return all(seen.is_covered for seen in self.seen)
