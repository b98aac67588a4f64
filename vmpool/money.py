"""Prices, ledgers and sums as frozen types, and how each is written into one tag.

A tag's value is `key=value` pairs that people can read too, at most 256 characters. What can't be
known is None, never 0: "unknown" and "free" are different bills.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime

from vmpool.moments import format_time, parse_time

RETAIL = "retail"
"""Source of prices: Azure's Retail Prices API."""
TABLE = "table"
"""Source of prices: the built-in table, because Azure's could not be asked. Estimates."""
UNKNOWN = "?"


@dataclass(frozen=True)
class Prices:
    """What a worker costs, saved with it at its launch: later prices are not its own.

    Attributes:
        vm: USD per hour of compute, while Azure bills it.
        disk: USD per hour of the OS disk, in every state.
        ip: USD per hour of the static address, in every state.
        source: `RETAIL` or `TABLE`.
        size: VM size that `vm` is for.
    """

    vm: float | None
    disk: float | None
    ip: float | None
    source: str
    size: str

    @property
    def is_estimate(self) -> bool:
        """Whether anything but Azure's own prices stands in it."""
        return self.source != RETAIL

    def encode(self) -> str:
        """`vm=0.452 disk=0.027 ip=0.005 source=retail size=Standard_D8ds_v5`."""
        found = {"vm": _price(self.vm), "disk": _price(self.disk), "ip": _price(self.ip)}
        return join_pairs(found | {"source": self.source, "size": self.size})

    @classmethod
    def decode(cls, text: str | None) -> Prices | None:
        """What `encode` wrote, None if it is missing or damaged."""
        found = split_pairs(text)
        if not {"vm", "disk", "ip", "source"} <= set(found):
            return None
        return cls(
            vm=parse_amount(found["vm"]),
            disk=parse_amount(found["disk"]),
            ip=parse_amount(found["ip"]),
            source=found["source"],
            size=found.get("size", ""),
        )


@dataclass(frozen=True)
class Checkpoint:
    """What was sure of a ledger before it was brought up to a change that nobody had noted.

    Attributes:
        billed_seconds: billed until `until`.
        until: the moment.
        is_billed: whether it was billed at that moment.
        slack_seconds: by how much `billed_seconds` may be wrong.
        day_base: `billed_seconds` when the day of `until` began, None if that is unknown.
        month_base: likewise of its month.
    """

    billed_seconds: float
    until: datetime
    is_billed: bool
    slack_seconds: float
    day_base: float | None
    month_base: float | None

    @classmethod
    def of(cls, ledger: Ledger) -> Checkpoint:
        """A ledger as it is now."""
        return cls(
            ledger.billed_seconds,
            ledger.until,
            ledger.is_billed,
            ledger.slack_seconds,
            ledger.day_base,
            ledger.month_base,
        )

    def encode(self) -> str:
        """`5400.0/2026-11-25T01:02:03Z/yes/0/3600.0/0.0`."""
        parts = (
            f"{self.billed_seconds:.1f}",
            format_time(self.until),
            "yes" if self.is_billed else "no",
            f"{self.slack_seconds:.0f}",
            _seconds(self.day_base),
            _seconds(self.month_base),
        )
        return "/".join(parts)

    @classmethod
    def decode(cls, text: str | None) -> Checkpoint | None:
        """What `encode` wrote, None if it is missing or damaged."""
        parts = (text or "").split("/")
        if len(parts) != len(fields(cls)):
            return None
        billed, until, slack = _finite(parts[0]), parse_time(parts[1]), _finite(parts[3])
        if billed is None or until is None or slack is None:
            return None
        return cls(billed, until, parts[2] == "yes", slack, _finite(parts[4]), _finite(parts[5]))


@dataclass(frozen=True)
class Ledger:
    """How long Azure has billed a VM's compute, as far as it is known.

    Seconds, not USD: they stay exact however often they are written.

    Attributes:
        billed_seconds: billed until `until`; a part of a second below 0 when it has just begun.
        until: the moment up to which this holds (cloud time).
        is_billed: whether it was billed at that moment.
        slack_seconds: by how much `billed_seconds` may be wrong, because a change was seen late.
        session_at: when the present or last session began: create, or start after a pause.
        session_base: `billed_seconds` at that moment.
        day_base: `billed_seconds` when the day (UTC) of `until` began, None if that is unknown.
        month_base: likewise of its month.
        sure: where to begin anew once Azure's activity log tells more; None if nothing is unsure.
        is_settled: the activity log has just told more than the tag says; no part of the tag.
    """

    billed_seconds: float
    until: datetime
    is_billed: bool
    slack_seconds: float
    session_at: datetime
    session_base: float
    day_base: float | None = None
    month_base: float | None = None
    sure: Checkpoint | None = None
    is_settled: bool = False

    def encode(self) -> str:
        """`billed=5400 until=2026-11-25T01:02:03Z on=yes slack=0 session=... base=0`.

        Callers round `until` down to whole seconds first (see `vmpool.ledger.accrue`).
        """
        sure = {"sure": self.sure.encode()} if self.sure else {}
        return join_pairs(
            {
                "billed": f"{self.billed_seconds:.1f}",
                "until": format_time(self.until),
                "on": "yes" if self.is_billed else "no",
                "slack": f"{self.slack_seconds:.0f}",
                "session": format_time(self.session_at),
                "base": f"{self.session_base:.1f}",
                "day": _seconds(self.day_base),
                "month": _seconds(self.month_base),
            }
            | sure
        )

    @classmethod
    def decode(cls, text: str | None) -> Ledger | None:
        """What `encode` wrote, None if it is missing or damaged."""
        found = split_pairs(text)
        until, session_at = parse_time(found.get("until")), parse_time(found.get("session"))
        billed, slack, base = (_finite(found.get(key, "")) for key in ("billed", "slack", "base"))
        if until is None or session_at is None or billed is None or slack is None or base is None:
            return None
        day, month = (_finite(found.get(key, "")) for key in ("day", "month"))
        sure, is_billed = Checkpoint.decode(found.get("sure")), found.get("on") == "yes"
        return cls(billed, until, is_billed, slack, session_at, base, day, month, sure)


@dataclass(frozen=True)
class Sums:
    """USD by kind of resource; None is unknown.

    Attributes:
        compute: of VMs.
        disk: of their OS disks.
        ip: of their addresses.
        uncertain: by how much all of it may be wrong; no part of the total.
    """

    compute: float | None = 0.0
    disk: float | None = 0.0
    ip: float | None = 0.0
    uncertain: float | None = 0.0

    @property
    def total(self) -> float | None:
        """Sum, unknown if any part is."""
        return add(self.compute, self.disk, self.ip)

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            add(self.compute, other.compute),
            add(self.disk, other.disk),
            add(self.ip, other.ip),
            add(self.uncertain, other.uncertain),
        )


def add(*amounts: float | None) -> float | None:
    """Sum of amounts, unknown if one of them is."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if len(known) == len(amounts) else None


def times(rate: float | None, hours: float | None) -> float | None:
    """Price times hours, unknown if either is."""
    return None if rate is None or hours is None else rate * hours


def _price(amount: float | None) -> str:
    return UNKNOWN if amount is None else f"{amount:.8g}"


def _seconds(amount: float | None) -> str:
    return UNKNOWN if amount is None else f"{amount:.1f}"


def format_usd(amount: float | None) -> str:
    """USD as tags have them, to the millionth; unknown is a question mark."""
    return UNKNOWN if amount is None else f"{amount:.6f}"


def parse_amount(text: str) -> float | None:
    """An amount of 0 or more, None for anything else."""
    found = _finite(text)
    return found if found is not None and found >= 0 else None


def _finite(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def join_pairs(found: Mapping[str, str]) -> str:
    """`key=value key=value`."""
    return " ".join(f"{key}={value}" for key, value in found.items())


def split_pairs(text: str | None) -> dict[str, str]:
    """What `join_pairs` joined."""
    pairs = (part.partition("=") for part in (text or "").split())
    return {key: value for key, _, value in pairs if key}
