"""Command lines into words: the small part of a shell's grammar that guests understand.

Understood: quotes, backslashes, `$NAME` and `${NAME}`, `~`, `*` and `?` after the first letter of a
word, the operators `&&`, `||`, `;`, `|`, and
the redirections `2>&1`, `>/dev/null`, `2>/dev/null`, `&>/dev/null`. Everything else that means
something to a shell is refused by name instead of being done half.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from local_azure.guests.simulated.globs import MARKS

PIECE = re.compile(
    r"""
    (?P<space>[ \t\n]+)
  | (?P<quiet>(?:2>&1|[12&]?>[ ]*/dev/null)(?=[ \t\n;|&]|$))
  | (?P<operator>&&|\|\||;|\|)
  | '(?P<single>[^']*)'
  | "(?P<double>(?:[^"\\]|\\.)*)"
  | \\(?P<escaped>.)
  | \$\{(?P<braced>[A-Za-z_]\w*)\} | \$(?P<variable>[A-Za-z_]\w*)
  | (?P<bracket>\[(?=[ \t]))
  | (?P<refused>[`$<>()&*?\#'"\\\[])
  | (?P<plain>[^ \t\n;|&`$<>()*?\#'"\\\[]+)
    """,
    re.VERBOSE | re.DOTALL,
)
INSIDE = re.compile(r'\\(["\\$`])|\$\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)|([`$])')
HARMLESS_INSIDE_WORD = "#?*[&"
"""Characters that are literal in the middle of a word (`#`), or patterns of files (`globs`)."""


class SyntaxRefusedError(Exception):
    """The line needs more of a shell than guests have; the message names what."""


@dataclass
class Command:
    """One program with its words.

    Attributes:
        argv: words, the first being the program.
        is_mute: standard output is thrown away.
        is_error_mute: standard error is thrown away.
        is_merged: standard error goes where standard output goes.
    """

    argv: list[str] = field(default_factory=list)
    is_mute: bool = False
    is_error_mute: bool = False
    is_merged: bool = False

    def redirect(self, redirection: str) -> None:
        """Apply one redirection."""
        if redirection == "2>&1":
            self.is_merged, self.is_error_mute = True, self.is_mute
        self.is_mute |= redirection[0] in ">1&"
        self.is_error_mute |= redirection.startswith(("2> ", "2>/", "&"))


@dataclass
class Pipeline:
    """Commands joined by `|`.

    Attributes:
        joiner: what stands before: `;`, `&&` or `||`.
        commands: at least one.
    """

    joiner: str
    commands: list[Command]


def parse(line: str, variables: Mapping[str, str]) -> list[Pipeline]:
    """A command line as pipelines.

    Args:
        line: what a client sent, or the argument of `sh -c`.
        variables: environment for `$NAME`; `HOME` for `~`.

    Raises:
        SyntaxRefusedError: not understood.
    """
    return _Reader(variables).read(line)


class _Reader:
    """Collects words into commands, commands into pipelines."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._pipelines = [Pipeline(";", [Command()])]
        self._word: str | None = None

    def read(self, line: str) -> list[Pipeline]:
        at = 0
        while at < len(line):
            match = PIECE.match(line, at)
            if match is None:
                raise SyntaxRefusedError(f"not understood: {line[at:]}")
            self._take(match)
            at = match.end()
        self._end_word()
        if not self._pipelines[-1].commands[-1].argv and len(self._pipelines) > 1:
            last = self._pipelines.pop()
            if last.joiner != ";":
                raise SyntaxRefusedError("syntax error: unexpected end of file")
        return self._pipelines

    def _take(self, match: re.Match[str]) -> None:
        kind, text = str(match.lastgroup), str(match.group(str(match.lastgroup)))
        if kind == "space":
            self._end_word()
            if "\n" in text and self._current().argv:
                self._operate(";")
        elif kind == "quiet":
            self._end_word()
            self._current().redirect(text)
        elif kind == "operator":
            self._end_word()
            self._operate(text)
        else:
            self._extend(kind, text)

    def _extend(self, kind: str, text: str) -> None:
        if kind == "refused" and (text not in HARMLESS_INSIDE_WORD or self._word is None):
            raise SyntaxRefusedError(f"not understood in a simulated guest: {text}")
        if kind == "refused":
            text = MARKS.get(text, text)
        elif kind == "double":
            text = INSIDE.sub(self._inside, text)
        elif kind in ("braced", "variable"):
            text = self._variables.get(text, "")
        elif kind == "escaped":
            text = "" if text == "\n" else text
        elif kind == "plain" and self._word is None and re.match(r"~(/|$)", text):
            text = self._variables.get("HOME", "/") + text[1:]
        self._word = (self._word or "") + text

    def _inside(self, match: re.Match[str]) -> str:
        escaped, braced, variable, refused = match.groups()
        if refused:
            raise SyntaxRefusedError(f"not understood in a simulated guest: {refused}")
        return escaped or self._variables.get(braced or variable, "")

    def _operate(self, operator: str) -> None:
        if not self._current().argv:
            raise SyntaxRefusedError(f"syntax error near unexpected token `{operator}'")
        if operator == "|":
            self._pipelines[-1].commands.append(Command())
        else:
            self._pipelines.append(Pipeline(operator, [Command()]))

    def _end_word(self) -> None:
        if self._word is not None:
            self._current().argv.append(self._word)
        self._word = None

    def _current(self) -> Command:
        return self._pipelines[-1].commands[-1]
