"""Who looks inside is admitted; a pool that is gone, or somebody else's, is not touched."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from arm_pools import Pool, Trouble

from vmpool import naming
from vmpool.arm import admission, network
from vmpool.arm.admission import admit_caller
from vmpool.arm.clients import Cloud
from vmpool.arm.kinds import API, SECURITY_GROUP, resource_id
from vmpool.arm.pipeline import Exchange
from vmpool.arm.rest import at_once, find
from vmpool.errors import BusyError, NotFoundError, PermanentError

ME, STRANGER, OTHER = "127.0.0.1/32", "203.0.113.9/32", "198.51.100.4/32"


def opened(pool: Pool, source: str) -> None:
    """A pool's network, with SSH for one source."""
    network.ensure_pool_network(pool.cloud, pool.name, pool.pool_id, pool.region, source)


def group_id(pool: Pool) -> str:
    return resource_id(pool.cloud, SECURITY_GROUP, naming.nsg_name(pool.name, pool.region))


def sources(pool: Pool) -> list[str]:
    group = find(pool.cloud, group_id(pool), API[SECURITY_GROUP])
    assert group
    (rule,) = group["properties"]["securityRules"]
    return list(rule["properties"]["sourceAddressPrefixes"])


def admit(pool: Pool) -> None:
    admit_caller(pool.cloud, pool.name, pool.pool_id, [pool.region] * 3)


def test_the_caller_is_admitted_beside_others(pool: Pool) -> None:
    opened(pool, STRANGER)
    admit(pool)
    assert sources(pool) == [STRANGER, ME]


def test_who_is_admitted_already_writes_nothing(pool: Pool, exchanges: list[Exchange]) -> None:
    opened(pool, ME)
    del exchanges[:]
    admit(pool)
    assert {item.method for item in exchanges} == {"GET"}


def test_a_group_that_is_not_there_is_not_made(pool: Pool) -> None:
    with pytest.raises(NotFoundError, match="oa-vm pool-resume --pool t"):
        admit(pool)
    assert find(pool.cloud, group_id(pool), API[SECURITY_GROUP]) is None


def test_a_group_of_another_pool_is_not_touched(pool: Pool) -> None:
    opened(pool, STRANGER)
    with pytest.raises(PermanentError, match="not touched"):
        admit(Pool(pool.cloud, pool.name))
    assert sources(pool) == [STRANGER]


def test_a_group_that_is_deleted_meanwhile_is_not_made_again(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(pool, STRANGER)
    once_between(monkeypatch, partial(delete, pool))
    with pytest.raises(NotFoundError):
        admit(pool)
    assert find(pool.cloud, group_id(pool), API[SECURITY_GROUP]) is None


def test_a_group_that_is_written_meanwhile_keeps_both(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(pool, STRANGER)
    once_between(monkeypatch, partial(opened, pool, OTHER))
    admit(pool)
    assert sources(pool) == [STRANGER, OTHER, ME]


def test_a_group_that_somebody_keeps_writing_is_busy(
    fresh_cloud: Callable[..., Trouble], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "PAUSE_WALL_SECONDS", 0.0)
    trouble = fresh_cloud()
    pool = Pool(trouble.cloud, "busy")
    opened(pool, STRANGER)
    trouble.fault(
        kind="error", method="PUT", path="networkSecurityGroups", status=409,
        code="AnotherOperationInProgress", times=50,
    )  # fmt: skip
    with pytest.raises(BusyError):
        admit(pool)


def delete(pool: Pool) -> None:
    groups = pool.cloud.network.network_security_groups
    groups.begin_delete(pool.cloud.resource_group, naming.nsg_name(pool.name, pool.region)).wait()


def once_between(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
    """Have something happen between the first read of the group and its write."""
    monkeypatch.setattr(admission, "PAUSE_WALL_SECONDS", 0.0)
    pending = [happens]
    write = admission._write

    def late(cloud: Cloud, *rest: object) -> object:
        if pending:
            at_once([pending.pop()])
        return write(cloud, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(admission, "_write", late)
