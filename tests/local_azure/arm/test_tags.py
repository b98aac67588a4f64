"""The Tags API, tag filters, and what Azure refuses in tags."""

from __future__ import annotations

import pytest
from raw_azure import Group

TAGS = "/providers/Microsoft.Resources/tags/default"


def change(group: Group, operation: str, tags: dict[str, str]) -> dict[str, str]:
    """PATCH the tags of the address `ip`; returns what is there now."""
    path = group.network("publicIPAddresses", "ip") + TAGS
    body = {"operation": operation, "properties": {"tags": tags}}
    got = group.azure.call("PATCH", path, body)
    assert got.status_code == 200, got.text
    kept: dict[str, str] = group.azure.get(group.network("publicIPAddresses", "ip"))["tags"]
    assert got.json()["properties"]["tags"] == kept
    return kept


def test_merge_replace_and_delete_do_what_their_names_say(group: Group) -> None:
    group.address("ip")
    assert change(group, "Merge", {"a": "1", "b": "2"}) == {"a": "1", "b": "2"}
    assert change(group, "Merge", {"A": "9"}) == {"b": "2", "A": "9"}
    assert change(group, "Delete", {"b": "other"}) == {"b": "2", "A": "9"}
    assert change(group, "Delete", {"B": "2"}) == {"A": "9"}
    assert change(group, "Replace", {"c": "3"}) == {"c": "3"}
    path = group.network("publicIPAddresses", "ip") + TAGS
    assert group.azure.call("PUT", path, {"properties": {"tags": {"d": "4"}}}).status_code == 200
    assert group.azure.get(path)["properties"]["tags"] == {"d": "4"}
    assert group.azure.call("DELETE", path).status_code == 200
    assert group.azure.get(path)["properties"]["tags"] == {}


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"a/b": "1"}, "InvalidTagNameCharacters"),
        ({"": "1"}, "InvalidTagNameCharacters"),
        ({"n" * 513: "1"}, "TagNameTooLong"),
        ({"a": "v" * 257}, "TagValueTooLong"),
        ({f"t{number}": "" for number in range(51)}, "InvalidTags"),
    ],
)
def test_tags_that_azure_refuses_change_nothing(
    group: Group, tags: dict[str, str], code: str
) -> None:
    group.address("ip")
    change(group, "Merge", {"keep": "me"})
    path = group.network("publicIPAddresses", "ip")
    body = {"operation": "Merge", "properties": {"tags": tags}}
    refused = group.azure.call("PATCH", path + TAGS, body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, code)
    assert group.azure.get(path)["tags"] == {"keep": "me"}


def test_merging_beyond_fifty_tags_is_refused_as_a_whole(group: Group) -> None:
    group.address("ip")
    full = {f"t{number}": "" for number in range(50)}
    change(group, "Merge", full)
    path = group.network("publicIPAddresses", "ip") + TAGS
    body = {"operation": "Merge", "properties": {"tags": {"more": "", "t0": "new"}}}
    assert group.azure.call("PATCH", path, body).json()["error"]["code"] == "InvalidTags"
    assert group.azure.get(path)["properties"]["tags"] == full


def test_tags_of_what_is_not_there_are_not_found(group: Group) -> None:
    got = group.azure.call("GET", group.network("publicIPAddresses", "none") + TAGS)
    assert (got.status_code, got.json()["error"]["code"]) == (404, "ResourceNotFound")
    got = group.azure.call("GET", "/resourceGroups/none" + TAGS)
    assert (got.status_code, got.json()["error"]["code"]) == (404, "ResourceGroupNotFound")
    body = {"operation": "Add", "properties": {"tags": {"a": "b"}}}
    assert group.azure.call("PATCH", group.path + TAGS, body).status_code == 400


def test_a_list_by_tag_finds_resources_and_hides_their_tags(group: Group) -> None:
    for name, value in (("one", "x"), ("two", "y")):
        group.address(name)
        path = group.network("publicIPAddresses", name) + TAGS
        group.azure.call("PUT", path, {"properties": {"tags": {"Pool": value, "it's": "q"}}})

    def listed(text: str, more: str = "") -> list[dict[str, object]]:
        path = f"{group.path}/resources?$filter={text}{more}"
        found: list[dict[str, object]] = group.azure.get(path)["value"]
        return found

    both = listed("tagName eq 'pool'")
    assert [item["name"] for item in both] == ["one", "two"]
    assert all("tags" not in item for item in both)
    assert [i["name"] for i in listed("tagName eq 'pool' and tagValue eq 'y'")] == ["two"]
    assert len(listed("tagName eq 'it''s' and tagValue eq 'q'")) == 2
    assert listed("tagName eq 'pool' and tagValue eq 'X'") == []
    of_type = listed(
        "resourceType eq 'microsoft.network/publicipaddresses'", "&$expand=createdTime,changedTime"
    )
    assert of_type[0]["tags"] == {"Pool": "x", "it's": "q"}
    assert {"createdTime", "changedTime"} <= set(of_type[0])
    mixed = "tagName eq 'pool' and resourceType eq 'Microsoft.Network/publicIPAddresses'"
    refused = group.azure.call("GET", f"{group.path}/resources?$filter={mixed}")
    assert refused.json()["error"]["code"] == "InvalidFilterInQueryString"


def test_groups_are_filtered_by_tag_and_keep_theirs(group: Group) -> None:
    body = {"location": group.location, "tags": {"owner": group.name}}
    assert group.azure.call("PUT", group.path, body).status_code == 200
    found = group.azure.get(
        f"/resourceGroups?$filter=tagName eq 'owner' and tagValue eq '{group.name}'"
    )
    assert [item["tags"] for item in found["value"]] == [{"owner": group.name}]
    names = {item["tagName"]: item for item in group.azure.get("/tagNames")["value"]}
    assert names["owner"]["count"]["value"] == 1


def test_a_put_replaces_tags_and_other_requests_leave_them_alone(group: Group) -> None:
    path = group.running_vm("box", tags={"a": "1"})
    group.azure.call("POST", f"{path}/deallocate")
    group.azure.advance(60)
    body = {"operation": "Merge", "properties": {"tags": {"b": "2"}}}
    assert group.azure.call("PATCH", path + TAGS, body).status_code == 200
    vm = group.azure.get(path)
    assert vm["tags"] == {"a": "1", "b": "2"}
    del vm["tags"]
    assert group.azure.call("PUT", path, vm).status_code == 200
    assert group.azure.get(path)["tags"] == {}
