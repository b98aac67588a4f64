"""The retail price list: what it says, to whom, and that the meter charges just that."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from raw_azure import Group, RawAzure

from local_azure.catalog import Catalog

API = "2023-01-01-preview"
LINUX = (
    "serviceName eq 'Virtual Machines' and armRegionName eq 'eastus' "
    "and armSkuName eq 'Standard_D8ds_v5' and priceType eq 'Consumption'"
)
HDD = "serviceName eq 'Storage' and productName eq 'Standard HDD Managed Disks'"
ADDRESSES = "serviceName eq 'Virtual Network' and productName eq 'IP Addresses'"
REGISTRY = "serviceName eq 'Container Registry' and skuName eq 'Basic'"
EAST, WEST = "armRegionName eq 'eastus'", "armRegionName eq 'westus2'"
P10, DISK = "skuName eq 'P10 LRS'", "meterName eq 'P10 LRS Disk'"


@pytest.fixture
def stranger(still_azure: RawAzure) -> Iterator[httpx.Client]:
    """A client without any login."""
    trust = ssl.create_default_context(cafile=still_azure.status.ca_file)
    with httpx.Client(verify=trust, timeout=30) as client:
        yield client
    still_azure.clear_faults()


def ask(azure: RawAzure, client: httpx.Client, **query: str) -> httpx.Response:
    """One request to the list."""
    return client.get(azure.status.prices_url, params={"api-version": API} | query)


def items(azure: RawAzure, client: httpx.Client, text: str, **query: str) -> list[dict[str, Any]]:
    """Everything that fits a filter, of all pages."""
    answer = ask(azure, client, **{"$filter": text}, **query)
    assert answer.status_code == 200, answer.text
    found = answer.json()["Items"]
    while link := answer.json()["NextPageLink"]:
        answer = client.get(link)
        found += answer.json()["Items"]
    return list(found)


def price(azure: RawAzure, client: httpx.Client, text: str) -> float:
    """The price of the one item that fits a filter."""
    (item,) = items(azure, client, text)
    return float(item["retailPrice"])


def test_a_size_has_one_linux_meter_among_those_that_a_client_must_drop(
    still_azure: RawAzure, stranger: httpx.Client
) -> None:
    found = items(still_azure, stranger, LINUX)
    prices = {
        (item["productName"].endswith("Windows"), item["meterName"]): item["retailPrice"]
        for item in found
    }
    assert prices.pop((False, "D8ds v5")) == 0.452
    assert sorted(prices) == [
        (False, "D8ds v5 Low Priority"),
        (False, "D8ds v5 Spot"),
        (True, "D8ds v5"),
        (True, "D8ds v5 Low Priority"),
        (True, "D8ds v5 Spot"),
    ]
    first = next(item for item in found if item["retailPrice"] == 0.452)
    told = {
        "productName": "Virtual Machines Ddsv5 Series",
        "skuName": "D8ds v5",
        "unitOfMeasure": "1 Hour",
        "location": "US East",
        "serviceFamily": "Compute",
        "currencyCode": "USD",
        "type": "Consumption",
    }
    assert told.items() <= first.items()


def test_reservations_and_dev_test_rows_come_only_without_a_price_type(
    still_azure: RawAzure, stranger: httpx.Client
) -> None:
    text = LINUX.removesuffix(" and priceType eq 'Consumption'")
    kinds = [item["type"] for item in items(still_azure, stranger, text)]
    assert sorted(set(kinds)) == ["Consumption", "DevTestConsumption", "Reservation"]
    (year,) = items(still_azure, stranger, f"{text} and reservationTerm eq '1 Year'")
    assert (year["type"], year["unitOfMeasure"]) == ("Reservation", "1 Hour")
    assert year["retailPrice"] > 1000, "the price of the whole term, whatever the unit says"


def test_every_size_has_its_linux_price_in_every_region(
    still_azure: RawAzure, stranger: httpx.Client
) -> None:
    catalog = Catalog.load()
    found = items(still_azure, stranger, "serviceName eq 'Virtual Machines'")
    plain = {
        (item["armSkuName"], item["armRegionName"]): item["retailPrice"]
        for item in found
        if item["type"] == "Consumption"
        and not item["productName"].endswith("Windows")
        and not item["skuName"].endswith((" Spot", " Low Priority"))
    }
    assert set(plain) == {(size, region) for size in catalog.sizes for region in catalog.regions}
    assert min(plain.values()) > 0


def test_the_meter_charges_what_the_list_says(group: Group, stranger: httpx.Client) -> None:
    azure = group.azure
    group.running_vm("box")
    rates = {
        item["type"].rpartition("/")[2]: item["usd_per_hour"]
        for item in azure.meter()["resources"]
        if f"/resourceGroups/{group.name}/" in item["id"]
    }
    here = "armRegionName eq 'eastus' and priceType eq 'Consumption' and "
    size = "armSkuName eq 'Standard_D2ds_v5' and meterName eq 'D2ds v5' and "
    machine = price(azure, stranger, here + size + "productName eq 'Virtual Machines Ddsv5 Series'")
    disk = price(azure, stranger, here + "meterName eq 'P4 LRS Disk'")
    address = price(azure, stranger, here + "meterName eq 'Standard IPv4 Static Public IP'")
    assert rates["virtualMachines"] == machine
    assert rates["disks"] == pytest.approx(disk / 730)
    assert rates["publicIPAddresses"] == address


@pytest.mark.parametrize(
    ("text", "unit", "usd"),
    [
        ("skuName eq 'P10 LRS' and meterName eq 'P10 LRS Disk'", "1/Month", 19.71),
        ("meterName eq 'P80 LRS Disk'", "1/Month", 3440.64),
        ("meterName eq 'E10 LRS Disk' and skuName eq 'E10 LRS'", "1/Month", 9.6),
        ("meterName eq 'S10 LRS Disk'", "1/Month", 5.89),
        (f"{HDD} and meterName eq 'LRS Snapshots'", "1 GB/Month", 0.05),
        (f"{ADDRESSES} and meterName eq 'Standard IPv4 Static Public IP'", "1 Hour", 0.005),
        (f"{REGISTRY} and meterName eq 'Basic Registry Unit'", "1/Day", 0.1666),
    ],
)
def test_disks_images_addresses_and_registries_are_priced_under_their_real_names(
    still_azure: RawAzure, stranger: httpx.Client, text: str, unit: str, usd: float
) -> None:
    (item,) = items(still_azure, stranger, f"armRegionName eq 'westus2' and {text}")
    assert (item["unitOfMeasure"], item["retailPrice"], item["unitPrice"]) == (unit, usd, usd)


def test_a_disk_has_look_alikes(still_azure: RawAzure, stranger: httpx.Client) -> None:
    found = items(still_azure, stranger, "armRegionName eq 'eastus' and skuName eq 'P10 LRS'")
    assert [item["meterName"] for item in found] == ["P10 LRS Disk", "P10 LRS Disk Mount"]


def test_pages_hold_a_thousand_items_and_link_to_the_next(
    still_azure: RawAzure, stranger: httpx.Client
) -> None:
    first = ask(still_azure, stranger, **{"$filter": "currencyCode eq 'EUR'"}, currencyCode="'EUR'")
    page = first.json()
    assert (page["Count"], len(page["Items"]), page["BillingCurrency"]) == (1000, 1000, "EUR")
    rest = stranger.get(page["NextPageLink"]).json()
    assert rest["NextPageLink"] is None
    assert rest["Count"] == len(rest["Items"]) > 0
    ids = [item["meterId"] for item in page["Items"] + rest["Items"]]
    assert len(set(ids)) == len(ids)
    assert {item["currencyCode"] for item in page["Items"] + rest["Items"]} == {"EUR"}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("meterName eq 'd8ds v5'", 0),
        ("armregionname eq 'eastus' and meterName eq 'P10 LRS Disk'", 1),
        (f"({EAST} or {WEST}) and {DISK}", 2),
        (f"{P10} and {EAST} or {WEST} and {DISK}", 3),
        ("startswith(meterName, 'P10 LRS') and armRegionName eq 'eastus'", 2),
        ("contains(meterName,'P10 LRS Disk') and meterName ne 'P10 LRS Disk Mount'", 6),
        ("endswith(meterName, 'Disk Mount') and armRegionName eq 'eastus'", 14),
        ("productName eq 'it''s'", 0),
        ("priceType eq 'savingsplan'", 0),
    ],
)
def test_filters_mean_what_odata_says(
    still_azure: RawAzure, stranger: httpx.Client, text: str, count: int
) -> None:
    assert len(items(still_azure, stranger, text)) == count


@pytest.mark.parametrize(
    "text",
    [
        "armSkuName in ('a', 'b')",
        "not contains(productName, 'Windows')",
        "priceType eq 'Spot'",
        "colour eq 'red'",
        "meterName eq P10",
        "meterName eq 'P10",
        "meterName gt 'P10'",
        "meterName eq 'a' and",
        "meterName eq 'a' meterName eq 'b'",
        "(meterName eq 'a'",
        "contains(meterName)",
        " or ".join(["meterName eq 'a'"] * 21),
        "(" * 500 + "meterName eq 'a'" + ")" * 500,
        ";",
    ],
)
def test_a_filter_that_the_service_does_not_take_is_refused_in_its_words(
    still_azure: RawAzure, stranger: httpx.Client, text: str
) -> None:
    answer = ask(still_azure, stranger, **{"$filter": text})
    assert answer.status_code == 400
    assert answer.json()["Error"]["Message"] == "Invalid OData parameters supplied"


@pytest.mark.parametrize(
    "query", [{"api-version": "2023-01-01"}, {"currencyCode": "XYZ"}, {"$skip": "-1"}]
)
def test_other_parameters_are_checked_too(
    still_azure: RawAzure, stranger: httpx.Client, query: dict[str, str]
) -> None:
    assert ask(still_azure, stranger, **query).status_code == 400


def test_savings_plans_hang_on_linux_meters_of_the_preview_version_alone(
    still_azure: RawAzure, stranger: httpx.Client
) -> None:
    found = items(still_azure, stranger, LINUX)
    with_plan = [item for item in found if "savingsPlan" in item]
    assert [item["retailPrice"] for item in with_plan] == [0.452]
    assert [plan["term"] for plan in with_plan[0]["savingsPlan"]] == ["1 Year", "3 Years"]
    before = items(still_azure, stranger, LINUX, **{"api-version": "2021-10-01-preview"})
    assert len(before) == len(found)
    assert not [item for item in before if "savingsPlan" in item]


def test_the_list_can_be_made_to_fail(still_azure: RawAzure, stranger: httpx.Client) -> None:
    path = "/api/retail/prices"
    still_azure.fault(kind="throttle", path=path, retry_after=7, times=1)
    still_azure.fault(kind="error", path=path, status=500, times=1)
    limited, broken = ask(still_azure, stranger), ask(still_azure, stranger)
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "7")
    assert broken.status_code == 500
    still_azure.fault(kind="unreachable", path=path, times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        ask(still_azure, stranger)
    assert ask(still_azure, stranger).status_code == 200
