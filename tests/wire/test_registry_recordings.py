"""Container Registry's answers held against a recording of the real one."""

from __future__ import annotations

from raw_azure import Group, RawAzure
from raw_registry import create_registry
from recorded import api_of, check, recorded

RECORDING = "acr_update"


def test_a_put_of_a_registry_is_answered_polled_and_shown_as_recorded(
    still_azure: RawAzure,
) -> None:
    put, poll, get = (recorded(RECORDING, number) for number in range(3))
    group = Group(still_azure, "clitest.rg000001")
    create_registry(group, "testreg000004")
    path = f"{put['request']['path'].partition('?')[0].partition('/resourceGroups')[2]}"
    body = put["request"]["body"] | {"location": "eastus"}
    answer = still_azure.call("PUT", f"/resourceGroups{path}", body, api=api_of(put))
    check(answer, put)
    still_azure.advance(60)
    check(still_azure.call("GET", answer.headers["azure-asyncoperation"]), poll)
    check(still_azure.call("GET", f"/resourceGroups{path}", api=api_of(get)), get)
    still_azure.call("DELETE", group.path)
    still_azure.advance(600)
