"""`--json` is one document on stdout and nothing else there."""

from __future__ import annotations

import json

from command_line import CommandLine


def test_status_of_a_pool_that_does_not_exist_is_absent(oa_vm: CommandLine) -> None:
    answer = oa_vm("pool-status", "--pool", "nobody", "--json")
    document = json.loads(answer.out)
    assert (answer.code, answer.err) == (0, "")
    assert (document["pool"], document["state"], document["workers"]) == ("nobody", "absent", [])


def test_a_plan_names_each_worker_and_its_place(oa_vm: CommandLine) -> None:
    answer = oa_vm("pool-create", "--workers", "2", "--dry-run", "--json")
    actions = json.loads(answer.out)["actions"]
    assert [action["worker"] for action in actions] == ["waa-pool-00", "waa-pool-01"]
    assert all("Standard_D8" in action["place"] for action in actions)


def test_a_plan_changes_nothing(oa_vm: CommandLine) -> None:
    oa_vm("pool-create", "--workers", "2", "--dry-run")
    assert json.loads(oa_vm("local", "meter", "--json").out)["resources"] == []


def test_local_status_tells_how_to_get_in(oa_vm: CommandLine) -> None:
    document = json.loads(oa_vm("local", "status", "--json").out)
    promised = {"endpoint", "ca_file", "tenant_id", "client_id", "client_secret", "speed", "pid"}
    promised |= {"subscription_id", "resource_group", "ssh_port", "state_dir"}
    assert promised <= set(document)


def test_doctor_lists_its_checks(oa_vm: CommandLine) -> None:
    document = json.loads(oa_vm("doctor", "--json").out)
    checks = {check["name"]: check["is_ok"] for check in document["checks"]}
    assert checks["credentials and subscription"]
    assert checks["permissions"]
    assert not (oa_vm.state_dir / "id_ed25519").exists(), "a check made a key"


def test_doctor_fits_a_terminal(oa_vm: CommandLine) -> None:
    assert max(len(line) for line in oa_vm("doctor").out.splitlines()) <= 80
