"""The JSON type that a name has in every request body, checked once before any handler looks.

Azure deserializes into typed models and refuses what does not fit; handlers may then rely on the
types of objects, lists and texts. As there, `null` is the same as absent. Refuses to know values.
"""

from __future__ import annotations

from typing import Any

from local_azure import errors

OBJECTS = {
    "properties", "hardwareProfile", "storageProfile", "imageReference", "osDisk", "managedDisk",
    "osProfile", "linuxConfiguration", "ssh", "networkProfile", "creationData", "addressSpace",
    "networkSecurityGroup", "subnet", "publicIPAddress", "sourceVirtualMachine", "securityProfile",
    "publishingProfile", "safetyProfile", "source", "osDiskImage", "identifier",
}  # fmt: skip
LISTS_OF_OBJECTS = {
    "networkInterfaces", "subnets", "ipConfigurations", "securityRules", "publicKeys", "dataDisks",
    "targetRegions",
}  # fmt: skip
LISTS = LISTS_OF_OBJECTS | {
    "addressPrefixes", "zones", "sourcePortRanges", "destinationPortRanges",
    "sourceAddressPrefixes", "destinationAddressPrefixes",
}  # fmt: skip
TEXTS = {
    "vmSize", "adminUsername", "computerName", "customData", "createOption", "deleteOption",
    "addressPrefix", "keyData", "id", "direction", "access", "protocol", "hyperVGeneration",
    "securityType", "virtualMachineId", "osType", "osState", "publisher", "offer", "endOfLifeDate",
}  # fmt: skip
WORDS: dict[type, str] = {dict: "an object", list: "a list", str: "a text"}
AS_GIVEN = "tags"
"""Free names and values; `check_tags` looks at them."""


def tidy(body: dict[str, Any]) -> dict[str, Any]:
    """A request body without nulls.

    Raises:
        AzureError: something in it has another type than its name says.
    """
    if "sku" in body and body["sku"] is not None:
        _check(body["sku"], dict, "sku")  # further down, in an image reference, it is a text
    return _object(body, "")


def _object(value: dict[str, Any], where: str) -> dict[str, Any]:
    return {
        name: inner if name == AS_GIVEN else _value(inner, name, f"{where}{name}")
        for name, inner in value.items()
        if inner is not None or name == AS_GIVEN
    }


def _value(value: Any, name: str, where: str) -> Any:
    for names, kind in ((OBJECTS, dict), (LISTS, list), (TEXTS, str)):
        if name in names:
            _check(value, kind, where)
    if isinstance(value, dict):
        return _object(value, f"{where}.")
    if isinstance(value, list):
        return [_item(item, name, f"{where}[{n}]") for n, item in enumerate(value)]
    return value


def _item(item: Any, name: str, where: str) -> Any:
    if name in LISTS_OF_OBJECTS:
        _check(item, dict, where)
    return _object(item, f"{where}.") if isinstance(item, dict) else item


def _check(value: Any, kind: type, where: str) -> None:
    if not isinstance(value, kind):
        raise errors.bad_body(
            "The request content was invalid and could not be deserialized: "
            f"'{where}' is not {WORDS[kind]}."
        )
