"""What holds for every request: pages, api-versions, case, limits, ETags, bodies, unknown paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from raw_azure import Group, RawAzure

from local_azure.control import Status

COMPUTE = "/providers/Microsoft.Compute"


def test_long_lists_come_in_pages_that_lead_to_everything_once(group: Group) -> None:
    names = {f"ip{number:02}" for number in range(55)}
    for name in names:
        group.address(name)
    listing = group.network("publicIPAddresses", "").rstrip("/")
    seen: list[str] = []
    page: dict[str, Any] = group.azure.get(listing)
    while True:
        assert len(page["value"]) <= 50
        seen += [item["name"] for item in page["value"]]
        following = page.get("nextLink")
        if not following:
            break
        assert following.startswith(f"{group.azure.status.endpoint}/subscriptions/")
        page = group.azure.get(following)
    assert sorted(seen) == sorted(names)
    assert len(group.azure.get(f"{listing}?$top=3")["value"]) == 3
    assert group.azure.call("GET", f"{listing}?$skiptoken=%C3%A9").status_code == 400


def test_paths_ignore_case_and_ids_keep_the_creators(group: Group) -> None:
    made = group.address("MyAddress")
    upper = made.upper().replace(group.azure.subscription.upper(), group.azure.subscription)
    for path in (made, upper, made.lower()):
        assert group.azure.get(path)["id"] == made


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/resourceGroups?api-version=", 400, "MissingApiVersionParameter"),
        ("/resourceGroups?api-version=newest", 400, "InvalidApiVersionParameter"),
        ("/providers/Microsoft.Nothing/things", 404, "InvalidResourceNamespace"),
        (f"{COMPUTE}/things", 404, "InvalidResourceType"),
        ("/providers/Microsoft.DevTestLab/schedules", 409, "MissingSubscriptionRegistration"),
        ("/resourceGroups/none/resources", 404, "ResourceGroupNotFound"),
        ("/subscriptions/00000000-0000-0000-0000-000000000000", 404, "SubscriptionNotFound"),
        (f"{COMPUTE}/locations/mars/usages", 400, "NoRegisteredProviderFound"),
        (f"{COMPUTE}/locations/eastus/operations/none", 404, "NotFound"),
        ("/resources?$filter=colour eq 'red'", 400, "InvalidFilterInQueryString"),
    ],
)
def test_what_cannot_be_served_is_refused_as_azure_does(
    still_azure: RawAzure, path: str, status: int, code: str
) -> None:
    got = still_azure.call("GET", path)
    assert (got.status_code, got.json()["error"]["code"]) == (status, code)
    assert got.json()["error"]["message"]


def test_unknown_methods_and_unusable_bodies_are_refused(group: Group) -> None:
    azure = group.azure
    assert azure.call("POST", group.path).status_code == 405
    url = f"{azure.subscription}{group.path}?api-version=2024-07-01"
    for content in (b"{not json", b"[]", b"", b"\xff\xfe"):
        got = azure.http.put(url, content=content, headers=azure.headers)
        assert (got.status_code, got.json()["error"]["code"]) == (400, "InvalidRequestContent")
    huge = b'{"location": "eastus", "tags": {"a": "' + b"x" * (4 * 1024 * 1024) + b'"}}'
    got = azure.http.put(url, content=huge, headers=azure.headers)
    assert (got.status_code, got.json()["error"]["code"]) == (413, "RequestContentTooLarge")


def test_every_answer_carries_azures_headers(group: Group) -> None:
    sent = {"x-ms-client-request-id": "mine", "x-ms-correlation-request-id": "whole"}
    got = group.azure.call("GET", group.path, headers=sent)
    assert got.headers["x-ms-client-request-id"] == "mine"
    assert got.headers["x-ms-correlation-request-id"] == "whole"
    assert got.headers["x-ms-request-id"]
    assert int(got.headers["x-ms-ratelimit-remaining-subscription-reads"]) <= 249


def test_writes_hold_only_for_the_etag_they_name(group: Group) -> None:
    azure, path = group.azure, group.network("publicIPAddresses", "ip")
    group.address("ip")
    azure.advance(60)
    before = azure.get(path)["etag"]
    body = {
        "location": group.location,
        "sku": {"name": "Standard"},
        "properties": {"publicIPAllocationMethod": "Static"},
    }
    taken = azure.call("PUT", path, body, headers={"if-none-match": "*"})
    assert (taken.status_code, taken.json()["error"]["code"]) == (412, "PreconditionFailed")
    assert azure.call("PUT", path, body, headers={"if-match": before}).status_code == 200
    stale = azure.call("PATCH", path, {"tags": {"a": "b"}}, headers={"if-match": before})
    assert stale.status_code == 412
    assert azure.get(path)["tags"] == {}
    missing = group.network("publicIPAddresses", "none")
    assert azure.call("PUT", missing, body, headers={"if-match": "*"}).status_code == 412
    gone = azure.call("DELETE", path, headers={"if-match": before})
    assert gone.status_code == 412
    assert azure.get(path)["name"] == "ip"


def test_too_many_reads_are_refused_until_the_bucket_fills_again(
    fresh_azure: Callable[..., Status],
) -> None:
    azure = RawAzure(fresh_azure(speed=0.001, guests="none"))
    left = [
        int(azure.call("GET", "").headers["x-ms-ratelimit-remaining-subscription-reads"])
        for _ in range(250)
    ]
    assert left == sorted(left, reverse=True)
    assert left[-1] == 0
    refused = azure.call("GET", "")
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "SubscriptionRequestsThrottled"
    assert int(refused.headers["retry-after"]) >= 1
    azure.advance(1)
    assert azure.call("GET", "").status_code == 200


def test_updates_of_one_vm_are_throttled_apart_from_the_others(group: Group) -> None:
    azure = group.azure
    for name in ("one", "two"):
        group.running_vm(name)
        azure.call("POST", group.vm(name) + "/deallocate")
    azure.advance(600)
    codes = [azure.call("POST", group.vm("one") + "/generalize").status_code for _ in range(13)]
    assert codes == [200] * 12 + [429]
    refused = azure.call("POST", group.vm("one") + "/generalize")
    error = refused.json()["error"]
    assert (error["code"], error["details"][0]["target"]) == ("OperationNotAllowed", "UpdateVM3Min")
    assert "UpdateVM3Min;0" in refused.headers["x-ms-ratelimit-remaining-resource"]
    wait = int(refused.headers["retry-after"])
    assert azure.call("POST", group.vm("two") + "/generalize").status_code == 200
    azure.advance(wait + 1)
    assert azure.call("POST", group.vm("one") + "/generalize").status_code == 200


def test_a_fault_refuses_what_it_names_and_as_often_as_it_says(group: Group) -> None:
    azure = group.azure
    azure.fault(kind="throttle", path=group.name, method="GET", times=2, retry_after=7)
    answers = [azure.call("GET", group.path) for _ in range(3)]
    assert [a.status_code for a in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "7"
    azure.fault(kind="error", path=group.name, status=503, code="ServerTimeout", times=1)
    got = azure.call("GET", group.path)
    assert (got.status_code, got.json()["error"]["code"]) == (503, "ServerTimeout")
