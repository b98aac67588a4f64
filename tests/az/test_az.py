"""The real az command line against a local Azure: what a user types, sees and gets as exit code."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest
from az_cli import Az, NoAzError, Result, World, find_az
from image_lab import Gallery, generalized_vm
from raw_azure import RawAzure

from local_azure.control import Status

pytestmark = pytest.mark.az
NOT_FOUND, FAILED = 3, 1

LOOKS = {
    "list": "vm list -d -o table",
    "show": "vm show -d -g demo -n look",
    "view": "vm get-instance-view -g demo -n look --query instanceView",
    "groups": "group list -o table",
    "account": "account show",
    "skus": "vm list-skus --location eastus -o table",
    "skus of a size": "vm list-skus --location eastus --size D8 -o table",
    "restricted skus": "vm list-skus --location eastus --size E8 --all -o table",
    "usage": "vm list-usage --location eastus",
    "addresses": "network public-ip list -o table",
    "nics": "network nic list",
    "nsgs": "network nsg list",
    "networks": "network vnet list",
    "disks": "disk list -g demo",
    "resources": "resource list --tag waa-pool=p",
    "tag names": "tag list",
    "resize options": "vm list-vm-resize-options -g demo -n look --query [].name",
}
REFUSALS = {
    # what is typed, the exit code, and what must stand in the message
    "vm show -g demo -n none": (NOT_FOUND, "(ResourceNotFound) The Resource 'Microsoft.Compute/v"),
    "vm show -g none -n look": (NOT_FOUND, "(ResourceGroupNotFound) Resource group 'none' could"),
    "vm start -g demo -n none": (NOT_FOUND, "(ResourceNotFound)"),
    "vm deallocate -g demo -n none": (NOT_FOUND, "(ResourceNotFound)"),
    "vm resize -g demo -n look --size Standard_None": (FAILED, "(InvalidParameter) The value Sta"),
    "vm resize -g demo -n look --size Standard_E8ds_v5": (FAILED, "(SkuNotAvailable)"),
    "vm generalize -g demo -n look": (FAILED, "is not allowed on VM 'look' since the VM is runn"),
    "vm list-usage --location mars": (FAILED, "(NoRegisteredProviderFound)"),
    "group show -n none": (NOT_FOUND, "(ResourceGroupNotFound)"),
    "group delete -n none --yes": (NOT_FOUND, "(ResourceGroupNotFound)"),
    "network public-ip delete -g demo -n look-nic-ip": (FAILED, "(PublicIPAddressCannotBeDeleted"),
    "network nic delete -g demo -n look-nic": (FAILED, "(NicInUse)"),
}
Looks = Callable[[str], Result]


@pytest.fixture(scope="module")
def running(world: World) -> dict[str, Future[Result]]:
    """Every command that changes nothing, running side by side."""
    lines = [*LOOKS.values(), *REFUSALS]
    return {line: world.az.begin(line) for line in lines}


@pytest.fixture
def look(running: dict[str, Future[Result]]) -> Looks:
    """The result of one of `LOOKS`."""
    return lambda name: running[LOOKS[name]].result()


def test_vm_list_shows_power_and_address_of_each_vm(look: Looks) -> None:
    headings, *rows = look("list").rows
    assert headings == ["Name", "ResourceGroup", "PowerState", "PublicIps", "Fqdns", "Location"]
    seen = {row[0]: row for row in rows}
    name, group, power, address, region = seen["look"]
    assert (name, group, power, region) == ("look", "demo", "VM running", "eastus")
    assert address.startswith("127.")
    assert {"look", "act", "tag", "end"} <= set(seen)


def test_vm_show_has_the_details_of_its_network(look: Looks) -> None:
    vm = look("show").document
    assert vm["powerState"] == "VM running"
    assert vm["publicIps"].startswith("127.")
    assert vm["privateIps"].startswith("10.0.0.")
    assert vm["macAddresses"].startswith("00-0D-3A-")
    assert vm["provisioningState"] == "Succeeded"
    assert vm["hardwareProfile"] == {"vmSize": "Standard_D2ds_v5"}
    assert vm["tags"] == {"waa-pool": "p"}


def test_instance_view_tells_states_in_azures_order(look: Looks) -> None:
    view = look("view").document
    assert [s["displayStatus"] for s in view["statuses"]] == [
        "Provisioning succeeded",
        "VM running",
    ]
    assert view["vmAgent"]["statuses"][0]["displayStatus"] == "Ready"


def test_account_and_groups_are_shown(look: Looks, world: World) -> None:
    account = look("account").document
    assert account["id"] == world.azure.status.subscription_id
    assert account["user"]["name"] == world.azure.status.client_id
    assert ["waa", "eastus", "Succeeded"] in look("groups").rows


def test_skus_show_what_may_be_used_and_on_request_what_may_not(look: Looks) -> None:
    offered = {row[2] for row in look("skus").rows[1:]}
    assert "Standard_D8ds_v5" in offered
    assert "Standard_E8ds_v5" not in offered
    assert {row[2] for row in look("skus of a size").rows[1:]} == {
        "Standard_D8s_v5",
        "Standard_D8ds_v5",
        "Standard_D8as_v5",
    }
    assert "NotAvailableForSubscription" in look("restricted skus").out
    assert "Standard_D4ds_v5" in look("resize options").document


def test_usage_counts_the_cores_of_the_running_vms(look: Looks) -> None:
    usage = {item["localName"]: item for item in look("usage").document}
    assert int(usage["Total Regional vCPUs"]["currentValue"]) >= 2
    assert int(usage["Standard DDSv5 Family vCPUs"]["limit"]) == 640


def test_network_lists_show_what_belongs_together(look: Looks, world: World) -> None:
    nic = next(n for n in look("nics").document if n["name"] == "look-nic")
    assert nic["virtualMachine"]["id"] == world.vm_id("look")
    address = next(row for row in look("addresses").rows if row[0] == "look-nic-ip")
    assert address[3].startswith("127.")
    assert look("nsgs").document == []
    (network,) = look("networks").document
    assert network["subnets"][0]["addressPrefix"] == "10.0.0.0/24"


def test_disks_and_tagged_resources_are_listed(look: Looks) -> None:
    disk = next(d for d in look("disks").document if d["name"].startswith("look_OsDisk"))
    assert disk["managedBy"].endswith("/virtualMachines/look")
    assert disk["diskState"] == "Attached"
    tagged = {item["name"] for item in look("resources").document}
    assert "look" in tagged
    assert any(name.startswith("look_OsDisk") for name in tagged)
    assert "look-nic" not in tagged
    assert "waa-pool" in {item["tagName"] for item in look("tag names").document}


@pytest.mark.parametrize("line", REFUSALS)
def test_refusal_has_azures_words_and_exit_code(
    running: dict[str, Future[Result]], line: str
) -> None:
    code, words = REFUSALS[line]
    result = running[line].result()
    assert result.code == code, result.err
    assert words in result.err
    assert "Traceback" not in result.err


def test_vm_goes_through_all_its_power_states(world: World) -> None:
    def act(action: str, power: str, code: int = 0) -> str:
        result = world.az.run("vm", action, "-g", "demo", "-n", "act")
        assert result.code == code, result.err
        assert world.group.states("act")[-1] == f"PowerState/{power}"
        return result.err

    act("deallocate", "deallocated")
    shown = world.az.run("vm", "show", "-d", "-g", "demo", "-n", "act").document
    assert shown["powerState"] == "VM deallocated"
    assert shown["publicIps"].startswith("127.")
    refused = act("restart", "deallocated", FAILED)
    assert "(OperationNotAllowed) The operation requires the VM to be running" in refused
    act("start", "running")
    act("restart", "running")
    assert "It will continue to be billed" in act("stop", "stopped")
    act("generalize", "stopped")
    refused = act("start", "stopped", FAILED)
    assert "Operation 'Start VM' is not allowed on VM 'act' since the VM is generalized" in refused


def test_image_is_created_from_a_vm_listed_shown_tagged_and_deleted(world: World) -> None:
    def image(action: str, *words: str) -> Result:
        return world.az.run("image", action, "-g", "demo", *words)

    def vm(action: str) -> int:
        return world.az.run("vm", action, "-g", "demo", "-n", "bake").code

    source = ("-n", "golden", "--source", "bake", "--hyper-v-generation", "V2")
    refused = image("create", *source[:4])  # az says V1 when nothing is said
    assert "(InvalidParameter) The Input HyperVGeneration property: 'V1' does not" in refused.err
    refused = image("create", *source)
    assert refused.code == FAILED
    assert "(OperationNotAllowed) The operation 'Create Image' requires the Virtual" in refused.err
    assert (vm("deallocate"), vm("generalize")) == (0, 0)
    made = image("create", *source, "--tags", "a=1").document
    assert made["provisioningState"] == "Succeeded"
    assert made["hyperVGeneration"] == "V2"
    assert made["sourceVirtualMachine"]["id"] == world.vm_id("bake")
    listed, shown = world.az.at_once(["image list -o table", "image show -g demo -n golden"])
    assert sorted_row(listed, "golden") == ["golden", "V2", "eastus", "Succeeded", "demo"]
    os_disk = shown.document["storageProfile"]["osDisk"]
    assert (os_disk["osState"], os_disk["diskSizeGB"]) == ("Generalized", 30)
    assert image("update", "-n", "golden", "--tags", "b=2").code == 0
    assert image("delete", "-n", "golden").code == 0
    assert image("show", "-n", "golden").code == NOT_FOUND


def test_gallery_is_listed_and_its_versions_shown(world: World) -> None:
    gallery = Gallery(world.group)
    gallery.publish(generalized_vm(world.group, "published"), "westus2")
    inside = f"-g demo -r g{world.group.name}"
    version = f"{inside} -i golden -e 1.0.0"
    galleries, definitions, versions, shown = world.az.at_once(
        [
            "sig list -o table",
            f"sig image-definition list {inside} -o table",
            f"sig image-version list {inside} -i golden -o table",
            f"sig image-version show {version} --expand ReplicationStatus",
        ]
    )
    assert [row[1] for row in galleries.rows[1:]] == ["gdemo"]
    assert "golden" in definitions.rows[1]
    assert "1.0.0" in versions.rows[1]
    status = shown.document["replicationStatus"]
    assert status["aggregatedState"] == "Completed"
    assert [entry["region"] for entry in status["summary"]] == ["East US", "West US 2"]


def sorted_row(table: Result, name: str) -> list[str]:
    """The cells of a row in a fixed order: name, generation, region, state, group."""
    headings, *rows = table.rows
    (row,) = [dict(zip(headings, row, strict=False)) for row in rows if name in row]
    order = ("Name", "HyperVGeneration", "Location", "ProvisioningState", "ResourceGroup")
    return [row[key] for key in order]


def test_vm_delete_takes_its_parts_along_and_may_be_repeated(world: World) -> None:
    delete = ("vm", "delete", "--yes", "-g", "demo", "-n", "end")
    assert world.az.run(*delete).code == 0
    nics, disks, again = world.az.at_once(
        ["network nic list -g demo", "disk list -g demo", " ".join(delete)]
    )
    assert not [item for item in nics.document if item["name"].startswith("end-")]
    assert not [item for item in disks.document if item["name"].startswith("end_")]
    assert again.code == 0


def test_tags_of_a_vm_are_read_replaced_merged_and_removed(world: World) -> None:
    def tag(action: str, *words: str) -> dict[str, str]:
        words = (*words, "--resource-id", world.vm_id("tag"))
        found: dict[str, str] = world.az.run("tag", action, *words).document["properties"]["tags"]
        return found

    assert tag("list") == {"waa-pool": "p"}
    assert tag("create", "--tags", "a=1", "b=2") == {"a": "1", "b": "2"}
    merged = tag("update", "--operation", "Merge", "--tags", "a=9", "c=3")
    assert merged == {"a": "9", "b": "2", "c": "3"}
    assert tag("update", "--operation", "Delete", "--tags", "c=3") == {"a": "9", "b": "2"}
    assert tag("update", "--operation", "Replace", "--tags", "waa-pool=p") == {"waa-pool": "p"}
    shown = world.az.run("vm", "show", "-g", "demo", "-n", "tag", "--query", "tags")
    assert shown.document == {"waa-pool": "p"}


def test_group_is_created_shown_and_deleted(world: World) -> None:
    made = world.az.run("group", "create", "-n", "extra", "-l", "westus2", "--tags", "x=y")
    assert made.document["properties"]["provisioningState"] == "Succeeded"
    shown, listed = world.az.at_once(["group show -n extra", "group list --tag x=y"])
    assert shown.document["location"] == "westus2"
    assert [group["name"] for group in listed.document] == ["extra"]
    assert world.az.run("group", "delete", "-n", "extra", "--yes").code == 0
    assert world.az.run("group", "exists", "-n", "extra").document is False


def test_wrong_secret_and_recalled_token_are_told(
    fresh_azure: Callable[..., Status], tmp_path: Path
) -> None:
    status = fresh_azure(guests="none")
    az = Az(status, tmp_path / "config")
    az.register()
    wrong = az.sign_in(password="wrong")
    assert wrong.code == FAILED
    assert "AADSTS7000215: Invalid client secret provided." in wrong.err
    assert az.sign_in().code == 0
    RawAzure(status).fault(kind="expire-tokens")
    refused = az.run("group", "list")
    assert refused.code == FAILED
    assert "(ExpiredAuthenticationToken)" in refused.err
    assert az.run("account", "clear").code == 0
    assert az.sign_in().code == 0
    assert az.run("group", "list").code == 0


def test_missing_az_is_a_failure_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZ_COMMAND", "/no/such/az")
    with pytest.raises(NoAzError, match="make az"):
        find_az()
