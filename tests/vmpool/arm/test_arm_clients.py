"""How a connection is made, and what it keeps."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from arm_pools import Trouble, connected

from local_azure import control
from local_azure.control import Status
from vmpool.arm.clients import Cloud, connect
from vmpool.arm.kinds import subscription_id
from vmpool.arm.machines import list_workers, observe
from vmpool.arm.rest import list_all
from vmpool.errors import CloudUnreachableError, CredentialsError, UsageError
from vmpool.settings import CloudKind, Settings


def test_no_local_azure_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(CloudUnreachableError, match="oa-vm local start"):
        connect(Settings(_env_file=None, state_dir=tmp_path))


def test_a_status_file_that_a_killed_server_left_is_not_believed(
    arm_azure: Status, tmp_path: Path
) -> None:
    folder = tmp_path / "azure"
    folder.mkdir()
    found = json.loads((Path(arm_azure.state_dir) / "status.json").read_text())
    (folder / "status.json").write_text(json.dumps(found | {"endpoint": "https://127.0.0.1:1"}))
    with pytest.raises(CloudUnreachableError, match="oa-vm local start"):
        connect(Settings(_env_file=None, state_dir=tmp_path))


def test_azure_needs_a_subscription_and_asks_nobody_to_connect() -> None:
    with pytest.raises(UsageError, match="WAA_SUBSCRIPTION_ID"):
        connect(Settings(_env_file=None, cloud=CloudKind.AZURE))
    credential: Any = object()
    cloud = connect(
        Settings(_env_file=None, cloud=CloudKind.AZURE, subscription_id="s"), credential
    )
    assert cloud.access.credential is credential
    assert (cloud.ssh_port, cloud.speed, cloud.access.ca_file) == (22, 1.0, "")
    assert cloud.polling_wall_seconds == 5.0


def test_a_wrong_secret_is_told_as_such(arm_azure: Status, tmp_path: Path) -> None:
    folder = tmp_path / "azure"
    folder.mkdir()
    found = json.loads((Path(arm_azure.state_dir) / "status.json").read_text())
    (folder / "status.json").write_text(json.dumps(found | {"client_secret": "wrong"}))
    cloud = connect(Settings(_env_file=None, state_dir=tmp_path))
    with pytest.raises(CredentialsError, match="az login"):
        list_workers(cloud)


def test_lists_that_are_asked_for_at_once_sign_in_once(fresh_cloud: Callable[..., Trouble]) -> None:
    trouble = fresh_cloud()
    observe(trouble.cloud, "waa-pool")
    list_workers(trouble.cloud)
    log = control.ask(trouble.status, "GET", "/_local/requests")["requests"]
    paths = [entry["path"] for entry in log]
    assert len(paths) > 10
    assert sum(path.endswith("/oauth2/v2.0/token") for path in paths) == 1


def test_the_clock_is_the_clouds(fresh_cloud: Callable[..., Trouble]) -> None:
    trouble = fresh_cloud(speed=10.0)
    list_workers(trouble.cloud)
    before = trouble.cloud.clock.now()
    control.ask(trouble.status, "POST", "/_local/clock", {"advance": 7200})
    list_workers(trouble.cloud)
    passed = trouble.cloud.clock.now() - before
    a_date_has_whole_seconds = timedelta(seconds=10)  # and our clock follows no smaller difference
    assert passed > timedelta(hours=2) - a_date_has_whole_seconds
    assert passed < timedelta(hours=2, minutes=10)


def test_lists_of_many_pages_are_read_to_the_end(fresh_cloud: Callable[..., Trouble]) -> None:
    cloud = fresh_cloud().cloud
    found = list_all(cloud, f"{subscription_id(cloud)}/resourceGroups", "2021-04-01", {"$top": "1"})
    assert [group["name"] for group in found] == ["waa"]


def test_once_makes_a_thing_once_and_a_failure_is_not_remembered(cloud: Cloud) -> None:
    made: list[int] = []

    def make() -> int:
        time.sleep(0.05)
        made.append(1)
        if len(made) == 1:
            message = "first"
            raise ValueError(message)
        return len(made)

    with pytest.raises(ValueError, match="first"):
        cloud.once(("thing",), make)
    threads = [threading.Thread(target=cloud.once, args=(("thing",), make)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 2
    cloud.forget("thing")
    assert cloud.once(("thing",), make) == 3


def test_a_status_loads_no_generated_models(arm_azure: Status, tmp_path: Path) -> None:
    connected(arm_azure, tmp_path)  # makes the link
    code = (
        "import sys; from pathlib import Path\n"
        "from vmpool.arm.clients import connect; from vmpool.arm.machines import observe\n"
        "from vmpool.settings import Settings\n"
        "observe(connect(Settings(_env_file=None, state_dir=Path(sys.argv[1]))), 'waa-pool')\n"
        "print([n for n in ('azure.mgmt.compute', 'azure.mgmt.network') if n in sys.modules])\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
