"""The little of OData that Azure's lists know: tag filters and resource types."""

from __future__ import annotations

import re
from collections.abc import Callable

from local_azure import errors
from local_azure.state import Resource

CLAUSE = re.compile(r"\s*(\w+)\s+eq\s+'((?:[^']|'')*)'\s*", re.IGNORECASE)
FIELDS = {"tagname", "tagvalue", "resourcetype", "name", "location", "resourcegroup"}


def clauses(text: str) -> dict[str, str]:
    """`a eq 'x' and b eq 'y'` as a mapping; names in lower case.

    Raises:
        AzureError: it is anything else.
    """
    found: dict[str, str] = {}
    for part in re.split(r"\s+and\s+", text.strip(), flags=re.IGNORECASE) if text.strip() else []:
        match = CLAUSE.fullmatch(part)
        if match is None or match[1].lower() not in FIELDS:
            raise errors.bad_filter(text)
        found[match[1].lower()] = match[2].replace("''", "'")
    return found


def tag_filter(text: str) -> Callable[[Resource], bool]:
    """Whether a resource fits a `$filter`."""
    wanted = clauses(text)

    def keeps(resource: Resource) -> bool:
        tags = {name.lower(): value for name, value in resource.tags.items()}
        facts = {
            "resourcetype": resource.type,
            "name": resource.name,
            "location": resource.location,
            "resourcegroup": resource.group,
        }
        if any(facts[k].lower() != v.lower() for k, v in wanted.items() if k in facts):
            return False
        name = wanted.get("tagname")
        value = wanted.get("tagvalue")
        if name is not None and name.lower() not in tags:
            return False
        if value is None:
            return True
        return tags[name.lower()] == value if name is not None else value in tags.values()

    return keeps
