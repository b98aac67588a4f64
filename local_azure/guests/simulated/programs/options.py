"""Options of programs: flags, valued options, and what is left.

Refuses an option that it was not told of, as real programs do, so that a typo in a command of ours
cannot pass here and fail on a real host.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from local_azure.guests.simulated.running import ProgramError


@dataclass
class Options:
    """What was given.

    Attributes:
        flags: flags that were set.
        values: option -> every value given to it, in order.
        rest: positional words.
    """

    flags: set[str] = field(default_factory=set)
    values: dict[str, list[str]] = field(default_factory=dict)
    rest: list[str] = field(default_factory=list)

    def has(self, *names: str) -> bool:
        """Whether any of the flags was set."""
        return any(name in self.flags for name in names)

    def last(self, *names: str, default: str = "") -> str:
        """The last value given under any of the names."""
        found = self.all(*names)
        return found[-1] if found else default

    def all(self, *names: str) -> list[str]:
        """Every value given under any of the names."""
        return [value for name in names for value in self.values.get(name, [])]


@dataclass(frozen=True)
class Grammar:
    """The options that a program knows.

    Attributes:
        flags: options without a value.
        valued: options with a value.
        stops_at_word: the first positional word ends the options (`docker run IMAGE -x`).
        code: exit code for an unknown option.
    """

    flags: frozenset[str]
    valued: frozenset[str] = frozenset()
    stops_at_word: bool = False
    code: int = 1

    def parse(self, name: str, words: Iterable[str]) -> Options:
        """Sort words into flags, values and the rest.

        Args:
            name: program's name for messages.
            words: words after it.

        Raises:
            ProgramError: unknown option or missing value.
        """
        found, queue = Options(), list(words)
        while queue:
            word = queue.pop(0)
            if word == "--":
                found.rest += queue
                break
            if not word.startswith("-") or word == "-":
                found.rest.append(word)
                if self.stops_at_word:
                    found.rest += queue
                    break
            else:
                self._take(name, word, queue, found)
        return found

    def _take(self, name: str, word: str, queue: list[str], found: Options) -> None:
        option, has_value, value = word.partition("=")
        if option in self.valued:
            if not has_value:
                if not queue:
                    raise ProgramError(f"{name}: option requires an argument: {word}", self.code)
                value = queue.pop(0)
            found.values.setdefault(option, []).append(value)
        elif option in self.flags:
            if value != "false":
                found.flags.add(option)
        elif not word.startswith("--") and len(word) > 2:  # noqa: PLR2004 # -xy: a cluster
            self._split(name, word, queue, found)
        else:
            raise ProgramError(f"{name}: unknown option: {word}", self.code)

    def _split(self, name: str, word: str, queue: list[str], found: Options) -> None:
        head, tail = word[:2], word[2:]
        if head in self.valued:
            found.values.setdefault(head, []).append(tail)
        elif head in self.flags:
            found.flags.add(head)
            self._take(name, f"-{tail}", queue, found)
        else:
            raise ProgramError(f"{name}: unknown option: {word}", self.code)


def grammar(
    flags: str = "", valued: str = "", *, stops_at_word: bool = False, code: int = 1
) -> Grammar:
    """A grammar from blank-separated option names."""
    return Grammar(frozenset(flags.split()), frozenset(valued.split()), stops_at_word, code)
