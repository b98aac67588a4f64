"""Prices, ledgers and sums as frozen types, and how each is written into one tag.

A tag's value is `key=value` pairs that people can read too, at most 256 characters. What can't be
known is None, never 0: "unknown" and "free" are different bills.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime

from vmpool.moments import format_time, parse_time

RETAIL = "retail"
"""Source of prices: Azure's Retail Prices API."""
TABLE = "table"
"""Source of prices: the seed's table, because Azure's could not be asked. Estimates."""
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
        return _joined(found | {"source": self.source, "size": self.size})

    @classmethod
    def decode(cls, text: str | None) -> Prices | None:
        """What `encode` wrote, None if it is missing or damaged."""
        found = _split(text)
        if not {"vm", "disk", "ip", "source"} <= set(found):
            return None
        return cls(
            vm=_number(found["vm"]),
            disk=_number(found["disk"]),
            ip=_number(found["ip"]),
            source=found["source"],
            size=found.get("size", ""),
        )


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
    """

    billed_seconds: float
    until: datetime
    is_billed: bool
    slack_seconds: float
    session_at: datetime
    session_base: float
    day_base: float | None = None
    month_base: float | None = None

    def encode(self) -> str:
        """`billed=5400 until=2026-11-25T01:02:03Z on=yes slack=0 session=... base=0`.

        Callers round `until` down to whole seconds first (see `vmpool.ledger.accrue`).
        """
        return _joined(
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
        )

    @classmethod
    def decode(cls, text: str | None) -> Ledger | None:
        """What `encode` wrote, None if it is missing or damaged."""
        found = _split(text)
        until, session_at = parse_time(found.get("until")), parse_time(found.get("session"))
        billed, slack, base = (_finite(found.get(key, "")) for key in ("billed", "slack", "base"))
        if until is None or session_at is None or billed is None or slack is None or base is None:
            return None
        day, month = (_finite(found.get(key, "")) for key in ("day", "month"))
        return cls(billed, until, found.get("on") == "yes", slack, session_at, base, day, month)


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


@dataclass(frozen=True)
class Gone:
    """What a worker had cost when its deletion began; kept until it is known to be deleted.

    Attributes:
        at: when its deletion began (cloud time); what is older and still exists counts itself.
        sums: what it cost, its deletion included.
    """

    at: datetime
    sums: Sums


@dataclass(frozen=True)
class Spent:
    """What deleted workers of a pool cost; kept in tags of the pool's network, which goes last.

    Attributes:
        finished: workers that are known to be deleted, all together.
        pending: workers whose deletion has begun, by the number in their name.
        packs: how many tags the pending took when they were last read or written.
    """

    finished: Sums = field(default_factory=Sums)
    pending: Mapping[str, Gone] = field(default_factory=dict)
    packs: int = 0

    def encode(self, key: str) -> dict[str, str]:
        """Tags: `key` for the finished, `key.0`, `key.1`, ... for the pending, some in each."""
        packs = list(_packed([_entry(n, gone) for n, gone in sorted(self.pending.items())]))
        # What a tag held before must not stay: each is written, empty if need be.
        packs += [""] * (self.packs - len(packs))
        return {key: _encode_sums(self.finished)} | {
            f"{key}.{index}": pack for index, pack in enumerate(packs)
        }

    @classmethod
    def decode(cls, key: str, tags: Mapping[str, str]) -> Spent | None:
        """What `encode` wrote, None if there is nothing."""
        if not any(name == key or name.startswith(f"{key}.") for name in tags):
            return None
        packs = [text for name, text in tags.items() if name.startswith(f"{key}.")]
        found = [_decode_entry(entry) for pack in packs for entry in pack.split()]
        finished = _decode_sums(tags[key]) if key in tags else Sums()
        return cls(finished, dict(entry for entry in found if entry), len(packs))


PACK_CHARACTERS = 250
"""Azure takes 256 characters a value."""


def _packed(entries: Iterable[str]) -> Iterable[str]:
    pack = ""
    for entry in entries:
        if pack and len(pack) + 1 + len(entry) > PACK_CHARACTERS:
            yield pack
            pack = ""
        pack = f"{pack} {entry}".strip()
    if pack:
        yield pack


def _entry(number: str, gone: Gone) -> str:
    amounts = ":".join(_usd(getattr(gone.sums, item.name)) for item in fields(Sums))
    return f"{number}@{int(gone.at.timestamp())}:{amounts}"


def _decode_entry(text: str) -> tuple[str, Gone] | None:
    number, _, rest = text.partition("@")
    parts = rest.split(":")
    if len(parts) != 1 + len(fields(Sums)) or not parts[0].isdecimal():
        return None
    at = datetime.fromtimestamp(int(parts[0]), UTC)
    return number, Gone(at, Sums(*(_number(part) for part in parts[1:])))


def _encode_sums(sums: Sums) -> str:
    return _joined({item.name: _usd(getattr(sums, item.name)) for item in fields(Sums)})


def _decode_sums(text: str) -> Sums:
    found = _split(text)
    return Sums(*(_number(found.get(item.name, UNKNOWN)) for item in fields(Sums)))


def _price(amount: float | None) -> str:
    return UNKNOWN if amount is None else f"{amount:.8g}"


def _seconds(amount: float | None) -> str:
    return UNKNOWN if amount is None else f"{amount:.1f}"


def _usd(amount: float | None) -> str:
    return UNKNOWN if amount is None else f"{amount:.6f}"


def _number(text: str) -> float | None:
    found = _finite(text)
    return found if found is not None and found >= 0 else None


def _finite(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _joined(found: Mapping[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in found.items())


def _split(text: str | None) -> dict[str, str]:
    pairs = (part.partition("=") for part in (text or "").split())
    return {key: value for key, _, value in pairs if key}
