"""The part of Go's templates that people write after `--format`.

Understood: fields (`{{.State.Running}}`), `json`, `index`, `len`, `upper`, `lower`, `println`, and
`range`/`if` with `end`. What is not understood is an error, as a wrong template is in Docker.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from local_azure.guests.simulated.running import ProgramError

ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
ESCAPES = {"\\t": "\t", "\\n": "\n"}


def render(template: str, document: Any) -> str:
    """Fill a template with a document.

    Raises:
        ProgramError: in Docker's words.
    """
    for mark, character in ESCAPES.items():
        template = template.replace(mark, character)
    parts: list[str] = ACTION.split(template)
    text, rest = _block(parts, 0, document, template)
    if rest < len(parts):
        raise _error(template, "unexpected {{end}}")
    return text


def _block(parts: list[str], at: int, scope: Any, template: str) -> tuple[str, int]:
    """Render from `at` to the matching end; even parts are text, odd parts are actions."""
    text = ""
    while at < len(parts):
        if at % 2 == 0:
            text += parts[at]
        elif parts[at] == "end":
            return text, at
        elif parts[at].startswith(("range ", "if ")):
            inner, at = _nested(parts, at, scope, template)
            text += inner
        else:
            text += show(_value(parts[at], scope, template))
        at += 1
    return text, at


def _nested(parts: list[str], at: int, scope: Any, template: str) -> tuple[str, int]:
    word, _, expression = parts[at].partition(" ")
    value = _value(expression, scope, template)
    scopes = (
        [scope]
        if word == "if"
        else list(value.values() if isinstance(value, dict) else value or [])
    )
    end = _end_of(parts, at, template)
    if word == "if" and not value:
        scopes = []
    return "".join(_block(parts[: end + 1], at + 1, each, template)[0] for each in scopes), end


def _end_of(parts: list[str], at: int, template: str) -> int:
    depth = 0
    for place in range(at, len(parts), 2):
        depth += parts[place].startswith(("range ", "if ")) - (parts[place] == "end")
        if depth == 0:
            return place
    raise _error(template, "unexpected EOF")


def _value(expression: str, scope: Any, template: str) -> Any:
    try:
        words = shlex.split(expression, posix=True)
    except ValueError:
        raise _error(template, "unterminated quoted string") from None
    function, *rest = words or [""]
    if function.startswith(".") and not rest:
        return _field(function, scope, template)
    values = [_field(word, scope, template) if word.startswith(".") else word for word in rest]
    return _call(function, values, template)


def _call(function: str, values: list[Any], template: str) -> Any:
    try:
        match function, values:
            case "json", [value]:
                return json.dumps(value, separators=(",", ":"))
            case "len", [value]:
                return len(value or [])
            case "upper", [value]:
                return show(value).upper()
            case "lower", [value]:
                return show(value).lower()
            case "println", _:
                return " ".join(show(value) for value in values) + "\n"
            case "index", [value, *keys]:
                for key in keys:
                    value = value[int(key)] if isinstance(value, list) else (value or {}).get(key)
                return value
    except (IndexError, ValueError, TypeError):
        raise _error(template, f"error calling {function}: index out of range") from None
    raise _error(template, f'function "{function}" not defined')


def _field(path: str, scope: Any, template: str) -> Any:
    value = scope
    for name in path.split(".")[1:]:
        if not name:
            continue
        if not isinstance(value, dict) or name not in value:
            raise _error(template, f"can't evaluate field {name} in type interface {{}}")
        value = value[name]
    return value


def show(value: Any) -> str:
    """A value as Go prints it."""
    if value is None:
        return "<no value>"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{' '.join(map(show, value))}]"
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{show(each)}' for key, each in value.items())}]"
    return str(value)


def _error(template: str, reason: str) -> ProgramError:
    return ProgramError(f'template parsing error: template: :1: executing "{template}": {reason}')
