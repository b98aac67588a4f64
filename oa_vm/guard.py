"""Whether anybody runs auto-pause: asked of Prefect over plain HTTP, so that a status stays quick.

A timer in a worker's tags pauses nothing by itself. Where nobody can be asked that is said too:
silence would be taken for an all-clear.
"""

from __future__ import annotations

from typing import Any

import httpx

from oa_vm import prefect_server
from oa_vm.environment import foreign_prefect, foreign_prefect_headers
from vmpool.settings import Settings

FLOW = "auto-pause"
ANSWER_WALL_SECONDS = 3.0


def warn_of_no_guard(settings: Settings, status: dict[str, Any]) -> None:
    """Add a warning to the status of a pool that is billed while nothing would pause it.

    Args:
        settings: say where Prefect is.
        status: the document of `vmpool.status`.
    """
    down = ("deallocated", "deallocating")
    if any(worker["power_state"] not in down for worker in status["workers"]):
        trouble = trouble_with_guard(settings)
        status["warnings"] += [trouble] if trouble else []


def trouble_with_guard(settings: Settings) -> str:
    """Why auto-pause does not run or may not, and what to do; "" if it is seen to."""
    server = None if foreign_prefect() else prefect_server.find(settings)
    url = server.url if server else foreign_prefect()
    if url is None:
        return (
            "no Prefect server runs here, so nothing here runs auto-pause: start oa-vm up, "
            "or see that it runs elsewhere"
        )
    headers = {} if server else foreign_prefect_headers()
    try:
        with httpx.Client(
            base_url=url, headers=headers, timeout=ANSWER_WALL_SECONDS, trust_env=False
        ) as client:
            return _trouble(client)
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return f"whether anything runs auto-pause is unknown: the Prefect server at {url} can't say"


def _trouble(client: httpx.Client) -> str:
    answer = client.get(f"/deployments/name/{FLOW}/{FLOW}")
    if answer.status_code == httpx.codes.NOT_FOUND:
        return "auto-pause is not deployed, so nothing pauses this pool: start oa-vm up"
    deployment = answer.raise_for_status().json()
    is_scheduled = any(item["active"] for item in deployment["schedules"])
    if deployment["paused"] or not is_scheduled:
        return (
            "the schedule of auto-pause is off, so nothing pauses this pool: "
            f"prefect deployment schedule resume {FLOW}/{FLOW}, or oa-vm up"
        )
    pool = deployment["work_pool_name"]
    if pool and not _is_served(client, pool):
        return (
            f"no Prefect worker serves work pool {pool!r}, so nothing runs auto-pause: "
            f"start oa-vm up, or prefect worker start --pool {pool}"
        )
    return ""


def _is_served(client: httpx.Client, pool: str) -> bool:
    found = client.get(f"/work_pools/{pool}").raise_for_status().json()
    workers = client.post(f"/work_pools/{pool}/workers/filter", json={}).raise_for_status().json()
    return not found["is_paused"] and any(worker["status"] == "ONLINE" for worker in workers)
