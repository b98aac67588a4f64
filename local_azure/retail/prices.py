"""`GET /api/retail/prices`: the public price list, filtered and in pages."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from local_azure.retail import filters
from local_azure.route import Routes
from local_azure.wire import Call, Reply

routes = Routes()
PATH = "/api/retail/prices"
PAGE = 1000
"""Items on a page, as the real list has them."""
PREVIEW = "2023-01-01-preview"
VERSIONS = ("", "2021-10-01-preview", PREVIEW)
INVALID = "Invalid OData parameters supplied"
CONVERTED = ("retailPrice", "unitPrice")


@routes.on("GET", PATH)
def list_prices(call: Call) -> Reply:
    """The items that fit `$filter`, in the currency of `currencyCode`."""
    call.cloud.faults.check_request(call)
    if call.api_version not in VERSIONS:
        return _refuse("Unsupported API version")
    currency = call.query.get("currencycode", "USD").strip("'").upper()
    rate = call.cloud.meter.prices.table["currency"].get(currency)
    skip = call.query.get("$skip", "0")
    if rate is None or not skip.isdecimal():
        return _refuse("Invalid parameters supplied")
    try:
        keeps = filters.parse(call.query["$filter"]) if call.query.get("$filter") else _everything
    except filters.BadFilterError:
        return _refuse(INVALID)
    shown = [_show(item, call, currency, float(rate)) for item in call.cloud.price_list]
    found = [item for item in shown if keeps(item)]
    page = found[int(skip) : int(skip) + PAGE]
    rest = len(found) > int(skip) + PAGE
    body = {
        "BillingCurrency": currency,
        "CustomerEntityId": "Default",
        "CustomerEntityType": "Retail",
        "Items": page,
        "NextPageLink": _link(call, int(skip) + PAGE) if rest else None,
        "Count": len(page),
    }
    return Reply(200, body)


def _everything(_item: dict[str, Any]) -> bool:
    return True


def _show(item: dict[str, Any], call: Call, currency: str, rate: float) -> dict[str, Any]:
    shown = item | {name: round(item[name] * rate, 6) for name in CONVERTED}
    shown["currencyCode"] = currency
    plans = shown.pop("savingsPlan", None)
    if plans and call.api_version == PREVIEW:
        shown["savingsPlan"] = [
            plan | {name: round(plan[name] * rate, 6) for name in CONVERTED} for plan in plans
        ]
    return shown


def _link(call: Call, skip: int) -> str:
    names = {"api-version": "api-version", "currencycode": "currencyCode", "$filter": "$filter"}
    pairs = [(name, call.query[key]) for key, name in names.items() if key in call.query]
    query = "&".join(f"{name}={quote(value)}" for name, value in [*pairs, ("$skip", str(skip))])
    return f"{call.cloud.endpoint}{PATH}?{query}"


def _refuse(message: str) -> Reply:
    return Reply(400, {"Error": {"Code": "BadRequest", "Message": message}})
