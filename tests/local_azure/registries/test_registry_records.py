"""Resource Manager's side of registries: create, read, change, list, delete, and what they cost."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from raw_azure import Group
from raw_registry import API, PROVIDER, RawRegistry, create_registry, make_image, registry_path

BODY = {"location": "eastus", "sku": {"name": "Basic"}, "properties": {}}
DAY = 86400.0
PATIENCE_SECONDS = 10.0


def put(group: Group, name: str, **fields: Any) -> httpx.Response:
    return group.azure.call("PUT", registry_path(group, name), BODY | fields, api=API)


def test_a_registry_is_being_created_until_its_operation_ends(
    group: Group, unique_name: str
) -> None:
    answer = put(group, unique_name)
    assert answer.status_code == 201
    properties = answer.json()["properties"]
    assert properties["provisioningState"] == "Creating"
    assert properties["adminUserEnabled"] is False
    assert "location" not in answer.headers
    poll = answer.headers["azure-asyncoperation"]
    assert group.azure.call("GET", poll).json() == {"status": "InProgress"}
    group.azure.advance(60)
    assert group.azure.call("GET", poll).json() == {"status": "Succeeded"}
    shown = group.azure.get(registry_path(group, unique_name), api=API)
    assert shown["properties"]["provisioningState"] == "Succeeded"
    assert shown["properties"]["loginServer"].startswith("127.0.0.1:")


@pytest.mark.parametrize("name", ["four", "with-dash", "x" * 51, "with_underscore"])
def test_a_name_that_cannot_be_is_refused(group: Group, name: str) -> None:
    answer = put(group, name)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "InvalidRegistryName"
    checked = check_name(group, name)
    assert (checked["nameAvailable"], checked["reason"]) == (False, "Invalid")


def check_name(group: Group, name: str) -> dict[str, Any]:
    body = {"name": name, "type": "Microsoft.ContainerRegistry/registries"}
    answer = group.azure.call("POST", f"{PROVIDER}/checkNameAvailability", body, api=API)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def test_a_name_is_one_for_all_groups(group: Group, unique_name: str) -> None:
    assert check_name(group, unique_name) == {"nameAvailable": True}
    create_registry(group, unique_name)
    assert check_name(group, unique_name.upper())["reason"] == "AlreadyExists"
    other = Group(group.azure, f"{group.name}-other")
    answer = put(other, unique_name)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "AlreadyInUse")
    group.azure.call("DELETE", other.path)


@pytest.mark.parametrize("sku", [{}, {"name": "Classic"}])
def test_a_registry_needs_a_tier(group: Group, unique_name: str, sku: dict[str, str]) -> None:
    answer = put(group, unique_name, sku=sku)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidSku")


def test_a_registry_is_changed_by_patch(group: Group, unique_name: str) -> None:
    before = create_registry(group, unique_name)
    body = {"sku": {"name": "Standard"}, "tags": {"a": "b"}}
    answer = group.azure.call("PATCH", registry_path(group, unique_name), body, api=API)
    assert answer.json()["properties"]["provisioningState"] == "Updating"
    group.azure.advance(60)
    after = group.azure.get(registry_path(group, unique_name), api=API)
    assert after["sku"] == {"name": "Standard", "tier": "Standard"}
    assert after["tags"] == {"a": "b"}
    same = ("loginServer", "creationDate", "provisioningState")
    assert [after["properties"][n] for n in same] == [before["properties"][n] for n in same]


def test_a_second_put_keeps_the_registry(group: Group, unique_name: str) -> None:
    before = create_registry(group, unique_name)
    put(group, unique_name, tags={"a": "b"})
    group.azure.advance(60)
    after = group.azure.get(registry_path(group, unique_name), api=API)
    assert after["tags"] == {"a": "b"}
    assert after["properties"]["loginServer"] == before["properties"]["loginServer"]


def test_tags_are_merged_by_the_tags_api(group: Group, unique_name: str) -> None:
    create_registry(group, unique_name)
    path = f"{registry_path(group, unique_name)}/providers/Microsoft.Resources/tags/default"
    body = {"operation": "Merge", "properties": {"tags": {"waa-pool": "p"}}}
    assert group.azure.call("PATCH", path, body).status_code == 200
    assert group.azure.get(registry_path(group, unique_name))["tags"] == {"waa-pool": "p"}


def test_registries_are_listed_by_group_subscription_and_type(
    group: Group, unique_name: str
) -> None:
    create_registry(group, unique_name)
    kind = "resourceType eq 'Microsoft.ContainerRegistry/registries'"
    for path in (
        f"{group.path}{PROVIDER}/registries",
        f"{PROVIDER}/registries",
        f"/resources?$filter={kind}",
    ):
        listed = group.azure.get(path)["value"]
        found = [each for each in listed if each["name"] == unique_name]
        assert found, path
        assert found[0]["sku"]["name"] == "Basic"


def test_a_deleted_registry_is_gone_with_its_content(group: Group, unique_name: str) -> None:
    shown = create_registry(group, unique_name)
    registry = RawRegistry(group.azure, shown["properties"]["loginServer"])
    registry.push("some", "v1", make_image())
    before = folders(group)
    answer = group.azure.call("DELETE", registry_path(group, unique_name), api=API)
    assert answer.status_code == 202
    group.azure.advance(60)
    assert group.azure.wait(answer) == {"status": "Succeeded"}
    assert group.azure.call("GET", answer.headers["location"]).status_code == 200
    assert group.azure.call("GET", registry_path(group, unique_name)).status_code == 404
    assert group.azure.call("DELETE", registry_path(group, unique_name)).status_code == 204
    assert is_closed(registry)
    wait_until(lambda: len(folders(group)) == len(before) - 1)


def test_a_group_takes_its_registries_along(group: Group, unique_name: str) -> None:
    inner = Group(group.azure, f"{unique_name}-inner")
    shown = create_registry(inner, unique_name)
    registry = RawRegistry(group.azure, shown["properties"]["loginServer"])
    group.azure.call("DELETE", inner.path)
    group.azure.advance(600)
    assert is_closed(registry)
    assert check_name(group, unique_name) == {"nameAvailable": True}


def test_a_registry_costs_by_the_day(group: Group, unique_name: str) -> None:
    create_registry(group, unique_name)
    before = cost(group, unique_name)
    group.azure.advance(DAY)
    assert cost(group, unique_name)["usd"] - before["usd"] == pytest.approx(0.1666, rel=1e-3)
    group.azure.call("DELETE", registry_path(group, unique_name))
    group.azure.advance(60)
    after = cost(group, unique_name)
    assert (after["is_deleted"], after["usd_per_hour"]) == (True, 0)


def test_space_beyond_the_tier_is_charged(group: Group, unique_name: str) -> None:
    shown = create_registry(group, unique_name)
    registry = RawRegistry(group.azure, shown["properties"]["loginServer"])
    registry.push("some", "v1", make_image("first"))
    [blob] = [each for each in folders(group) if (each / "storage").exists() and holds(each)]
    with (blob / "storage" / "big").open("wb") as file:
        os.truncate(file.fileno(), 15 << 30)  # a hole: counts by its length, takes no space
    registry.push("some", "v2", make_image("second"))
    per_hour = 0.1666 / 24 + 5 * 0.10 / 730
    wait_until(lambda: cost(group, unique_name)["usd_per_hour"] == pytest.approx(per_hour, 1e-3))
    usage = group.azure.get(f"{registry_path(group, unique_name)}/listUsages", api=API)["value"][0]
    assert usage["limit"] == 10 << 30
    assert usage["currentValue"] > 15 << 30


def cost(group: Group, name: str) -> dict[str, Any]:
    [found] = [r for r in group.azure.meter()["resources"] if r["id"].endswith(f"/{name}")]
    one: dict[str, Any] = found
    return one


def folders(group: Group) -> list[Path]:
    return list((Path(group.azure.status.state_dir) / "registries").iterdir())


def holds(folder: Path) -> bool:
    return any((folder / "storage").rglob("some"))


def is_closed(registry: RawRegistry) -> bool:
    try:
        registry.http.get("/v2/")
    except httpx.TransportError:
        return True
    return False


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
