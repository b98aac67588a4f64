"""Dockerfiles: instructions with their arguments, ARG replaced, stages apart.

Understood: comments, continuation lines, heredocs, ARG before and after FROM, stages, COPY/ADD with
`--from`. Refuses an instruction that Docker does not have.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

from local_azure.guests.simulated.running import ProgramError

INSTRUCTIONS = frozenset(
    """
    FROM RUN COPY ADD ENV ARG CMD ENTRYPOINT LABEL EXPOSE VOLUME WORKDIR USER SHELL STOPSIGNAL
    HEALTHCHECK ONBUILD MAINTAINER
    """.split()  # noqa: SIM905 # two lines, not twenty
)
HEREDOC = re.compile(r"<<-?\s*['\"]?(\w+)['\"]?")
VARIABLE = re.compile(r"\$\{(\w+)(?::?-([^}]*))?\}|\$(\w+)")


@dataclass(frozen=True)
class Step:
    """One instruction.

    Attributes:
        name: upper case.
        text: arguments, ARG replaced (but in RUN, where the shell does it).
        line: line number.
    """

    name: str
    text: str
    line: int

    @property
    def words(self) -> list[str]:
        """Arguments: JSON list form or words."""
        if self.text.startswith("["):
            try:
                return [str(item) for item in json.loads(self.text)]
            except ValueError:
                pass
        try:
            return shlex.split(self.text)
        except ValueError:
            return self.text.split()


@dataclass
class Stage:
    """One FROM with what follows.

    Attributes:
        base: image or name of a stage before.
        name: `AS` name, or "".
        steps: instructions after FROM.
    """

    base: str
    name: str
    steps: list[Step] = field(default_factory=list)


def parse(text: str, arguments: dict[str, str]) -> list[Stage]:
    """Read a Dockerfile.

    Args:
        text: its content.
        arguments: `--build-arg`s.

    Raises:
        ProgramError: not a Dockerfile, in Docker's words.
    """
    values: dict[str, str] = {}
    stages: list[Stage] = []
    for number, name, rest in _instructions(text):
        if name not in INSTRUCTIONS:
            raise _failure(f"dockerfile parse error on line {number}: unknown instruction: {name}")
        if name == "ARG":
            _define(rest, arguments, values)
        replaced = rest if name == "RUN" else _replace(rest, values)
        if name == "FROM":
            stages.append(_stage(replaced, number))
        elif stages:
            stages[-1].steps.append(Step(name, replaced, number))
        elif name != "ARG":
            raise _failure("no build stage in current context")
    if not stages:
        raise _failure("file with no instructions")
    return stages


def _instructions(text: str) -> Iterator[tuple[int, str, str]]:
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        joined = line.strip()
        if not joined or joined.startswith("#"):
            continue
        while joined.endswith("\\"):
            _, more = next(lines, (0, ""))
            if not more.strip().startswith("#"):
                joined = joined[:-1].rstrip() + " " + more.strip()
        name, _, rest = joined.partition(" ")
        for mark in HEREDOC.findall(rest) if name.upper() in ("RUN", "COPY", "ADD") else []:
            for _, body in lines:
                if body.strip() == mark:
                    break
                rest += f"\n{body}"
        yield number, name.upper(), rest.strip()


def _define(rest: str, arguments: dict[str, str], values: dict[str, str]) -> None:
    for word in shlex.split(rest):
        name, has_default, default = word.partition("=")
        if name in arguments:
            values[name] = arguments[name]
        elif has_default:
            values[name] = _replace(default, values)


def _replace(text: str, values: dict[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        braced, default, plain = match.groups()
        name = braced or plain
        if name in values:
            return values[name]
        return default if default is not None else match.group(0) if plain else ""

    return VARIABLE.sub(value, text)


def _stage(text: str, number: int) -> Stage:
    words = [word for word in text.split() if not word.startswith("--")]
    is_named = len(words) == 3 and words[1].upper() == "AS"  # noqa: PLR2004 # FROM x AS y
    if not words or words[0].startswith("$") or len(words) not in (1, 3):
        raise _failure(f"base name ({text}) on line {number} should not be blank")
    return Stage(words[0], words[2] if is_named else "")


def _failure(message: str) -> ProgramError:
    return ProgramError(f"ERROR: failed to build: failed to solve: {message}")
