"""What deleted workers of a pool cost, as frozen types, and how it is written into tags.

Kept on the pool's network, which is deleted last: some entries of workers whose deletion has begun
in each tag, and one sum of all that are known to be gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime

from vmpool.money import UNKNOWN, Sums, format_usd, join_pairs, parse_amount, split_pairs


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
    amounts = ":".join(format_usd(getattr(gone.sums, item.name)) for item in fields(Sums))
    return f"{number}@{int(gone.at.timestamp())}:{amounts}"


def _decode_entry(text: str) -> tuple[str, Gone] | None:
    number, _, rest = text.partition("@")
    parts = rest.split(":")
    if len(parts) != 1 + len(fields(Sums)) or not parts[0].isdecimal():
        return None
    at = datetime.fromtimestamp(int(parts[0]), UTC)
    return number, Gone(at, Sums(*(parse_amount(part) for part in parts[1:])))


def _encode_sums(sums: Sums) -> str:
    return join_pairs({item.name: format_usd(getattr(sums, item.name)) for item in fields(Sums)})


def _decode_sums(text: str) -> Sums:
    found = split_pairs(text)
    return Sums(*(parse_amount(found.get(item.name, UNKNOWN)) for item in fields(Sums)))
