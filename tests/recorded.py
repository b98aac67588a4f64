"""Recordings of the real Azure, and how answers of the local one are held against them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx

RECORDINGS = Path(__file__).parent / "wire" / "recordings"
GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SAME_VALUE = (
    "cache-control", "pragma", "expires", "server", "strict-transport-security",
    "x-content-type-options", "content-type",
)  # fmt: skip
WHERE = ("azure-asyncoperation", "location")
NOT_OURS = {
    # in the recordings and not in our offer: other features that the recorded tests used
    "vhd", "identity", "windowsConfiguration", "priority", "evictionPolicy", "billingProfile",
    "placementGroupId", "platformUpdateDomain", "platformFaultDomain",
}  # fmt: skip
OURS_TOO = {
    # newer API versions have these; older clients ignore them
    "tags", "type", "deleteOption", "nicType", "ssh", "osName", "osVersion", "computerName",
    "networkSecurityGroup", "publicIPAddress", "diskSizeGB", "properties", "storageAccountType",
    "linuxConfiguration", "managedDisk",
}  # fmt: skip


def recorded(name: str, number: int = 0) -> dict[str, Any]:
    exchange: dict[str, Any] = json.loads((RECORDINGS / f"{name}.json").read_text())["exchanges"][
        number
    ]
    return exchange


def api_of(exchange: dict[str, Any]) -> str:
    found = re.search(r"api-version=([\w-]+)", exchange["request"]["path"])
    return found[1] if found else "2020-06-01"


def check(ours: httpx.Response, exchange: dict[str, Any]) -> None:
    """Compare an answer with the recorded one."""
    theirs = exchange["response"]
    assert ours.status_code == theirs["status"]
    check_headers(ours, theirs.get("headers", {}))
    if theirs["body"] in ("", None):
        assert ours.content == b""
        assert "content-type" not in ours.headers
    else:
        assert differences(theirs["body"], ours.json()) == []


def check_headers(ours: httpx.Response, theirs: dict[str, str]) -> None:
    """Every recorded header is there; fixed ones are equal, URLs are of the same form."""
    missing = set(theirs) - set(ours.headers)
    assert not missing
    for name in SAME_VALUE:
        if name in theirs:
            assert ours.headers[name] == theirs[name]
    for name in WHERE:
        if name in theirs:
            assert template(ours.headers[name]) == template(theirs[name])
    limits = "x-ms-ratelimit-remaining-resource"
    if limits in theirs:
        assert re.sub(r"\d+(?=,|$)", "N", ours.headers[limits]) == re.sub(
            r"\d+(?=,|$)", "N", theirs[limits]
        )


def template(url: str) -> str:
    """A URL without host, ids, region and version: its form."""
    path = re.sub(r"^https://[^/]+", "", url).replace("{sub}", "G")
    path = re.sub(r"/locations/\w+/", "/locations/L/", GUID.sub("G", path))
    path = re.sub(r"operationresults/[^?]+", "operationresults/T", path)
    return re.sub(r"p=G&|api-version=[\w-]+", "", path)


def differences(theirs: Any, ours: Any, at: str = "") -> list[str]:
    """What is missing, of another type, or more than expected."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        missing = [f"{at}/{k} is missing" for k in theirs if k not in ours and k not in NOT_OURS]
        more = [f"{at}/{k} is more" for k in ours if k not in theirs and k not in OURS_TOO]
        common = [
            d for k in theirs if k in ours for d in differences(theirs[k], ours[k], f"{at}/{k}")
        ]
        return missing + more + common
    if isinstance(theirs, list) and isinstance(ours, list):
        return differences(theirs[0], ours[0], f"{at}[]") if theirs and ours else []
    same = isinstance(ours, type(theirs)) or {type(ours), type(theirs)} <= {int, float}
    return [] if same else [f"{at} is {type(ours).__name__}, not {type(theirs).__name__}"]
