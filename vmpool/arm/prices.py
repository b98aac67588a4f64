"""Asks the Azure Retail Prices API, which needs no login, and keeps the answer for a day.

A price is never worth a wait: limits are short, nothing is tried again, and whoever gets no answer
takes the last one, however old, or the built-in table, both marked as estimates. Never raises.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmpool.arm import web
from vmpool.arm.clients import Cloud
from vmpool.moments import parse_time
from vmpool.money import RETAIL, TABLE, Prices
from vmpool.pricing import BUILT_IN, Item, Rates, choose, disk_tier, query

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

PRICES_API = "2023-01-01-preview"
KEPT = timedelta(days=1)
"""Prices change rarely, and never in the middle of a day."""
ASK_WALL_SECONDS = 3.0
"""For one page; an answer takes well under a second."""
TOTAL_WALL_SECONDS = 6.0
"""For all pages of a region: no create waits longer."""
MOST_SIZES = 12
"""In one query: the API takes at most 20 comparisons."""
MOST_PAGES = 10
"""A page holds 100 to 1,000 items, our meters are a few dozen."""


def rates(cloud: Cloud, region: str, sizes: Iterable[str]) -> Rates:
    """What things cost in a region: from Azure, else as last heard, else from the built-in table.

    Args:
        cloud: connection; asked once per region for all workers.
        region: Azure region.
        sizes: VM sizes.
    """
    wanted = tuple(sorted(set(sizes)))
    return cloud.once(("prices", region, wanted), lambda: _rates(cloud, region, wanted))


def of_worker(cloud: Cloud, size: str, region: str) -> Prices:
    """What a worker costs there; asks Azure once a connection and region.

    Args:
        cloud: connection.
        size: VM size.
        region: Azure region.
    """
    return rates(cloud, region, {size, *cloud.settings.sizes}).of(size)


def _rates(cloud: Cloud, region: str, sizes: Sequence[str]) -> Rates:
    kept = _read(cloud, region)
    now = cloud.clock.now()
    is_enough = kept is not None and set(sizes) <= set(kept.vm_per_hour)
    if kept and is_enough and timedelta() <= now - kept.asked_at < KEPT:
        return kept
    try:
        found = choose(_ask(cloud, region, sizes), sizes, cloud.settings.os_disk_gb, now)
    except (OSError, ValueError, _NoAnswerError) as error:
        log.warning("Prices of %s could not be asked (%s): costs are estimates", region, error)
        return replace(kept, source=TABLE) if kept and is_enough else BUILT_IN
    _write(cloud, region, found)
    return found


class _NoAnswerError(Exception):
    """The API did not answer, or not with prices."""


def _ask(cloud: Cloud, region: str, sizes: Sequence[str]) -> list[Item]:
    import httpx  # noqa: PLC0415 # 0.2 s that a status does not need

    deadline = time.monotonic() + TOTAL_WALL_SECONDS
    groups = [sizes[i : i + MOST_SIZES] for i in range(0, len(sizes), MOST_SIZES)]
    try:
        with web.client(cloud, ASK_WALL_SECONDS) as client:
            pages = [_pages(client, cloud, region, group, deadline) for group in groups]
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _NoAnswerError(str(error) or type(error).__name__) from error
    return [item for page in pages for item in page]


def _pages(
    client: httpx.Client, cloud: Cloud, region: str, sizes: Sequence[str], deadline: float
) -> list[Item]:
    """Every item of one query."""
    text = query(region, sizes, cloud.settings.os_disk_gb)
    answer = client.get(cloud.prices_url, params={"api-version": PRICES_API, "$filter": text})
    found: list[Item] = []
    for _ in range(MOST_PAGES):
        answer.raise_for_status()
        page: Any = answer.json()
        if not isinstance(page, dict) or not isinstance(page.get("Items"), list):
            raise _NoAnswerError("the answer holds no prices")
        found += page["Items"]
        if not page.get("NextPageLink"):
            return found
        if time.monotonic() > deadline:
            raise _NoAnswerError(f"no end after {TOTAL_WALL_SECONDS:g} s")
        answer = client.get(page["NextPageLink"])
    raise _NoAnswerError(f"more than {MOST_PAGES} pages")


def _file(cloud: Cloud) -> Path:
    return cloud.settings.state_dir.expanduser() / "prices.json"


def _key(cloud: Cloud, region: str) -> str:
    return f"{cloud.prices_url} {region} {disk_tier(cloud.settings.os_disk_gb)}"


def _read_all(cloud: Cloud) -> dict[str, Any]:
    try:
        found = json.loads(_file(cloud).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _read(cloud: Cloud, region: str) -> Rates | None:
    """What was kept, None if there is nothing or it is damaged."""
    found = _read_all(cloud).get(_key(cloud, region))
    if not isinstance(found, dict):
        return None
    try:
        asked_at = parse_time(found.pop("asked_at"))
        return Rates(**found, asked_at=asked_at, source=RETAIL) if asked_at else None
    except (KeyError, TypeError):
        return None


def _write(cloud: Cloud, region: str, found: Rates) -> None:
    """Keep for the next; a disk that is full costs a question, not an operation."""
    written = asdict(found) | {"asked_at": found.asked_at.isoformat()}
    del written["source"]
    document = _read_all(cloud) | {_key(cloud, region): written}
    scratch = _file(cloud).with_suffix(".new")
    try:
        scratch.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(json.dumps(document))
        scratch.replace(_file(cloud))
    except OSError as error:
        log.debug("%s could not be written: %s", scratch, error)
