"""The `$filter` of the price list: what its OData understands, and no more.

Seen against the real service: `and`, `or`, parentheses, `eq`, `ne`, `contains`, `startswith` and
`endswith` work; `not`, `in`, an unknown `priceType` and more than 20 comparisons are refused.
Values are case-sensitive, as they are from API version 2023-01-01-preview on.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Item = dict[str, Any]
Predicate = Callable[[Item], bool]
TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*')|([A-Za-z]\w*)|([(),]))")
FIELDS = {
    name.lower(): name
    for name in (
        "armRegionName", "armSkuName", "currencyCode", "effectiveStartDate", "location", "meterId",
        "meterName", "productId", "productName", "reservationTerm", "serviceFamily", "serviceId",
        "serviceName", "skuId", "skuName", "unitOfMeasure",
    )
} | {"pricetype": "type"}  # fmt: skip
"""What can be filtered on; the item's field `type` is called `priceType` in filters."""
PRICE_TYPES = {"consumption", "reservation", "devtestconsumption", "savingsplan"}
FUNCTIONS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startswith": str.startswith,
    "endswith": str.endswith,
}
MOST_COMPARISONS = 20
"""Measured on the real service: more are refused, however short."""
DEEPEST = 20
"""Nested parentheses taken; ours."""


class BadFilterError(ValueError):
    """The filter is not one that the price list understands."""


def parse(text: str) -> Predicate:
    """The predicate that a filter means.

    Raises:
        BadFilterError: it is not understood.
    """
    reader = _Reader(_tokens(text))
    predicate = reader.alternatives(0)
    if reader.peek() is not None:
        raise BadFilterError(f"unexpected {reader.peek()!r}")
    return predicate


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise BadFilterError(f"unexpected {text[at:]!r}")
        found.append(match[match.lastindex or 0])
        at = match.end()
    return found


class _Reader:
    """Recursive descent over the tokens of one filter."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self._comparisons = 0

    def peek(self) -> str | None:
        """The next token, None at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def alternatives(self, depth: int) -> Predicate:
        """`a or b`."""
        parts = [self._conjunction(depth)]
        while self._takes("or"):
            parts.append(self._conjunction(depth))
        return lambda item: any(part(item) for part in parts)

    def _conjunction(self, depth: int) -> Predicate:
        parts = [self._comparison(depth)]
        while self._takes("and"):
            parts.append(self._comparison(depth))
        return lambda item: all(part(item) for part in parts)

    def _comparison(self, depth: int) -> Predicate:
        if self._takes("("):
            if depth == DEEPEST:
                raise BadFilterError("too deep")
            inner = self.alternatives(depth + 1)
            self._need(")")
            return inner
        self._comparisons += 1
        if self._comparisons > MOST_COMPARISONS:
            raise BadFilterError("too many comparisons")
        word = self._next()
        if word in FUNCTIONS:
            return self._function(FUNCTIONS[word])
        name, operator, value = _field(word), self._next(), self._value()
        if name == "type" and value.lower() not in PRICE_TYPES:
            raise BadFilterError(f"no price type {value!r}")
        if operator not in ("eq", "ne"):
            raise BadFilterError(f"no operator {operator!r}")
        return lambda item: (str(item.get(name, "")) == value) == (operator == "eq")

    def _function(self, test: Callable[[str, str], bool]) -> Predicate:
        self._need("(")
        name = _field(self._next())
        self._need(",")
        value = self._value()
        self._need(")")
        return lambda item: test(str(item.get(name, "")), value)

    def _takes(self, word: str) -> bool:
        if self.peek() != word:
            return False
        self._at += 1
        return True

    def _need(self, word: str) -> None:
        if not self._takes(word):
            raise BadFilterError(f"{word!r} is missing")

    def _next(self) -> str:
        token = self.peek()
        if token is None:
            raise BadFilterError("it ends too early")
        self._at += 1
        return token

    def _value(self) -> str:
        token = self._next()
        if not token.startswith("'"):
            raise BadFilterError(f"{token!r} is not a string in quotes")
        return token[1:-1].replace("''", "'")


def _field(word: str) -> str:
    if word.lower() not in FIELDS:
        raise BadFilterError(f"no field {word!r}")
    return FIELDS[word.lower()]
