"""Tunnels that are held open for a person, until Ctrl-C: `pool-tunnel` and `pool-vnc`.

A program that reads their addresses through a pipe holds them by its end of the pipe: when it is
gone, however it ended, the tunnels are not left behind.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress

import httpx

from oa_vm.children import EndRequest
from oa_vm.output import err, has_reader, out, print_json, say, table
from oa_vm.reach import only_failure, reach
from vmpool.errors import PermanentError
from vmpool.guest.tunnel import TunnelState
from vmpool.guest.tunnels import Tunnels, open_tunnels
from vmpool.guest.windows import VIEWER_PORT, WAA_PORT
from vmpool.settings import Settings

POLL_WALL_SECONDS = 0.5
ANSWER_WALL_SECONDS = 5.0
HOLDING = "Open until Ctrl-C; a connection that is lost is made again, with the same addresses."


def hold_all(settings: Settings, wanted: Sequence[str], *, as_json: bool) -> None:
    """Print where each worker's WAA server and desktop are, and keep them there until the end.

    Args:
        settings: with the pool's name.
        wanted: workers; all that run when empty.
        as_json: print one document instead of the table.

    Raises:
        VmPoolError: there is nobody to open a tunnel to, or none is left.
    """
    found = reach(settings, wanted)
    for why in found.left_out.values():
        _warn(why)
    with (
        open_tunnels(found.addresses, [WAA_PORT, VIEWER_PORT], _tell) as tunnels,
        EndRequest() as end,
    ):
        if wanted or not tunnels.opened:
            _check_all_opened(tunnels)
        for worker, error in tunnels.failures.items():
            _warn(f"{worker}: {error}")
        _print_addresses(found.pool, tunnels, as_json=as_json)
        _hold(tunnels, end)


def hold_desktop(settings: Settings, wanted: str, *, as_json: bool) -> None:
    """Print where one worker's desktop is, and keep it there until the end.

    Args:
        settings: with the pool's name.
        wanted: the worker.
        as_json: print one document instead of the address.

    Raises:
        VmPoolError: it can't be reached, or its tunnel has ended.
    """
    found = reach(settings, [wanted])
    with (
        open_tunnels(found.addresses, [VIEWER_PORT], _tell) as tunnels,
        EndRequest() as end,  # from the first word on, Ctrl-C is the usual end
    ):
        _check_all_opened(tunnels)
        ((worker, local),) = tunnels.local.items()
        url = f"http://{local[VIEWER_PORT]}/"
        if as_json:
            print_json({"worker": worker, "desktop": url})
        else:
            say(url)
            if sys.stdout.isatty():  # a program that reads the address knows how it holds it
                _warn(HOLDING)
        sys.stdout.flush()
        if not _is_answered(url):
            _warn(f"{worker}: nothing answers there yet: does Windows run? oa-vm pool-status")
        _hold(tunnels, end)


def _check_all_opened(tunnels: Tunnels) -> None:
    if tunnels.failures:
        raise only_failure(tunnels.failures)


def _print_addresses(pool: str, tunnels: Tunnels, *, as_json: bool) -> None:
    local = sorted(tunnels.local.items())
    rows = [
        {
            "name": worker,
            "waa": f"http://{ports[WAA_PORT]}",
            "desktop": f"http://{ports[VIEWER_PORT]}/",
        }
        for worker, ports in local
    ]
    if as_json:
        print_json({"pool": pool, "workers": rows})
        sys.stdout.flush()
        return
    cells = [
        {"worker": row["name"], "WAA server": row["waa"], "desktop": row["desktop"]} for row in rows
    ]
    with suppress(OSError):
        out.print(table(f"Tunnels of {pool}", cells))
    _warn(HOLDING)


def _hold(tunnels: Tunnels, end: EndRequest) -> None:
    """Until the end is asked for, or nobody reads any more.

    Raises:
        PermanentError: every tunnel has ended, because other machines answer.
    """
    while has_reader(sys.stdout) and not end.wait(POLL_WALL_SECONDS):
        if all(each.state is TunnelState.REFUSED for each in tunnels.opened.values()):
            raise PermanentError("no tunnel is left: oa-vm pool-status shows the pool")


def _tell(worker: str, state: TunnelState, reason: str) -> None:
    """Say how a connection fares; called by its own thread."""
    if state is TunnelState.DOWN:
        _warn(f"{worker}: {reason}; connecting again")
    elif state is TunnelState.OPEN:
        _warn(f"{worker}: {reason}, same addresses")
    else:
        _warn(f"{worker}: {reason}: its tunnel is closed")


def _warn(words: str) -> None:
    with suppress(OSError):  # the terminal was closed
        err.print(words, markup=False)


def _is_answered(url: str) -> bool:
    try:
        httpx.get(url, timeout=ANSWER_WALL_SECONDS, trust_env=False)
    except httpx.HTTPError:
        return False
    return True
