"""Who is spoken to: the running workers of a pool, their addresses, and our way in.

Asks Azure directly, without Prefect. Starts nothing: a worker that does not run is said, not woken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from vmpool.arm.admission import admit_caller
from vmpool.arm.clients import Cloud, connect
from vmpool.arm.machines import list_workers
from vmpool.errors import NotFoundError, PermanentError, UsageError, VmPoolError
from vmpool.guest.connection import Address
from vmpool.guest.keys import ensure_client_key
from vmpool.model import Observed, PowerState, Worker
from vmpool.naming import worker_name
from vmpool.plan import check_identity
from vmpool.settings import Settings
from vmpool.status import no_pool


@dataclass(frozen=True)
class Reach:
    """Workers that can be spoken to.

    Attributes:
        pool: pool name.
        addresses: where each worker's sshd is, by worker name.
        left_out: why other workers can't be spoken to, by worker name.
    """

    pool: str
    addresses: dict[str, Address]
    left_out: dict[str, str] = field(default_factory=dict)


def reach(settings: Settings, wanted: Sequence[str] = ()) -> Reach:
    """Find workers, and have our own address admitted by their network.

    Args:
        settings: with the pool's name.
        wanted: workers as people write them, `0`, `00` or `waa-pool-00`; all that run when empty.

    Raises:
        NotFoundError: there is no such pool or worker.
        PermanentError: a named worker, or every one, does not run.
        UsageError: our SSH key is missing.
        VmPoolError: Azure could not be asked, or refused.
    """
    cloud = connect(settings)
    workers = list_workers(cloud, settings.pool)
    if not workers:
        raise NotFoundError(no_pool(settings.pool))
    pool_id = check_identity(Observed(settings.pool, cloud.clock.now(), workers))
    chosen = [_named(workers, settings.pool, text) for text in wanted] or list(workers)
    left_out = {w.name: why for w in chosen if (why := _why_not(w, settings.pool))}
    if wanted and left_out:
        raise PermanentError("; ".join(left_out.values()))
    open_to_us = {worker.name: worker for worker in chosen if worker.name not in left_out}
    if not open_to_us:
        raise PermanentError(f"no worker of {settings.pool} can be reached: {_first(left_out)}")
    check_key(settings)
    admit_caller(cloud, settings.pool, pool_id, (w.place.region for w in open_to_us.values()))
    addresses = {name: _address(cloud, worker) for name, worker in open_to_us.items()}
    return Reach(settings.pool, addresses, left_out)


def reach_one(settings: Settings, wanted: str) -> tuple[str, Address]:
    """Name and address of one worker; see `reach`."""
    return next(iter(reach(settings, [wanted]).addresses.items()))


def check_key(settings: Settings) -> None:
    """Refuse a key that can open nothing; a new one in its place would not either.

    Raises:
        UsageError: it is not there or can't be used.
    """
    if not settings.key_file.exists():
        raise UsageError(
            f"SSH key {settings.key_file} is not there: set WAA_SSH_KEY_FILE to the key that the "
            "pool was created with"
        )
    ensure_client_key(settings.key_file)


def _named(workers: Sequence[Worker], pool: str, text: str) -> Worker:
    name = worker_name(pool, int(text)) if text.isdecimal() else text
    for worker in workers:
        if worker.name == name:
            return worker
    known = ", ".join(worker.name for worker in workers)
    raise NotFoundError(f"pool {pool} has no worker {text!r}; it has {known}")


def _why_not(worker: Worker, pool: str) -> str:
    """Why a worker can't be spoken to, "" if it can."""
    resume = f"oa-vm pool-resume --pool {pool}"
    if worker.power_state is not PowerState.RUNNING:
        return f"{worker.name} is {worker.power_state.value}, not running: {resume} starts it"
    if not worker.ip:
        return f"{worker.name} has no public address: {resume} mends it"
    if not (worker.tags and worker.tags.host_key):
        return f"{worker.name} has no host key in its tags, so nobody there could be trusted"
    return ""


def _first(left_out: dict[str, str]) -> str:
    why, *more = left_out.values()
    return f"{why} (and {len(more)} more)" if more else why


def _address(cloud: Cloud, worker: Worker) -> Address:
    settings, key = cloud.settings, worker.tags.host_key if worker.tags else ""
    return Address(worker.ip, cloud.ssh_port, settings.admin_username, settings.key_file, key)


def only_failure(failures: dict[str, VmPoolError]) -> VmPoolError:
    """The error of a command whose every worker failed: a single one speaks for itself."""
    worker, error = next(iter(failures.items()))
    if len(failures) == 1:
        return error
    return PermanentError(f"none of {len(failures)} workers can be reached; {worker}: {error}")
