"""A client of the wire for tests: plain HTTP, so that status, headers and bodies can be looked at.

Nothing here knows the product's own client; it speaks to any server with Azure's protocol.
"""

from __future__ import annotations

import ssl
import time
from typing import Any

import httpx

from local_azure import control
from local_azure.control import Status

API = "2024-07-01"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0wUXcSIG1oCMBLKhrBtIZ4qe0bwEWDcJw1yHTmJ0qP test"
IMAGE = {
    "publisher": "Canonical",
    "offer": "0001-com-ubuntu-server-jammy",
    "sku": "22_04-lts-gen2",
    "version": "latest",
}
PATIENCE_SECONDS = 20.0


class RawAzure:
    """HTTP with a token.

    Args:
        status: the server.
    """

    def __init__(self, status: Status) -> None:
        self.status = status
        trust = ssl.create_default_context(cafile=status.ca_file)
        self.http = httpx.Client(base_url=status.endpoint, verify=trust, timeout=30)
        self.subscription = f"/subscriptions/{status.subscription_id}"
        self.headers = {"authorization": f"Bearer {self.token()}"}

    def sign_in(self, tenant: str | None = None, **form: str) -> httpx.Response:
        """Ask for a token; fields replace the right ones."""
        right = {
            "grant_type": "client_credentials",
            "client_id": self.status.client_id,
            "client_secret": self.status.client_secret,
            "scope": f"{self.status.endpoint}/.default",
        }
        path = f"/{tenant or self.status.tenant_id}/oauth2/v2.0/token"
        return self.http.post(path, data=right | form)

    def token(self) -> str:
        """A fresh access token."""
        return str(self.sign_in().json()["access_token"])

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """Send a request; `/...` under the subscription, `api` and `headers` as options."""
        url = httpx.URL(
            path if path.startswith(("http", "/subscriptions", "//")) else self.subscription + path
        )
        if "api-version" not in url.params:
            url = url.copy_merge_params({"api-version": options.get("api", API)})
        headers = self.headers | options.get("headers", {})
        return self.http.request(method, url, json=body, headers=headers)

    def get(self, path: str, **options: Any) -> Any:
        """The body of a GET that must succeed."""
        answer = self.call("GET", path, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def do(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """Send a request that must be accepted, and wait for its operation."""
        answer = self.call(method, path, body, **options)
        assert answer.is_success, answer.text
        return self.wait(answer)

    def wait(self, answer: httpx.Response) -> Any:
        """Poll the operation that an answer started; returns its last document."""
        where = answer.headers.get("azure-asyncoperation")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while where and time.monotonic() < deadline:
            document = self.call("GET", where).json()
            if document["status"] != "InProgress":
                return document
            time.sleep(0.01)
        assert not where, "the operation did not end"
        return None

    def advance(self, seconds: float) -> None:
        """Let cloud time pass at once."""
        control.ask(self.status, "POST", "/_local/clock", {"advance": seconds})

    def fault(self, **fault: Any) -> dict[str, Any]:
        """Ask for trouble."""
        return control.ask(self.status, "POST", "/_local/faults", fault)

    def clear_faults(self) -> None:
        """No more trouble."""
        control.ask(self.status, "DELETE", "/_local/faults")

    def meter(self) -> dict[str, Any]:
        """True cost so far."""
        return control.ask(self.status, "GET", "/_local/meter")


class Group:
    """A resource group of one test, with short ways to make what VMs need.

    Args:
        azure: the client.
        name: made when it does not exist.
        location: region of everything in it.
    """

    def __init__(self, azure: RawAzure, name: str, location: str = "eastus") -> None:
        self.azure, self.name, self.location, self.home = azure, name, location, location
        self.path = f"/resourceGroups/{name}"
        azure.do("PUT", self.path, {"location": location})

    @property
    def suffix(self) -> str:
        """What sets names apart outside the region that the group began with."""
        return "" if self.location == self.home else f"-{self.location}"

    def network(self, kind: str, name: str) -> str:
        """Path of a network resource."""
        return f"{self.path}/providers/Microsoft.Network/{kind}/{name}"

    def vm(self, name: str) -> str:
        """Path of a VM."""
        return f"{self.path}/providers/Microsoft.Compute/virtualMachines/{name}"

    def put(self, path: str, properties: Any, **fields: Any) -> Any:
        """PUT a resource of this group's region and start its operation; returns the body."""
        answer = self.azure.call(
            "PUT", path, {"location": self.location, "properties": properties, **fields}
        )
        assert answer.is_success, answer.text
        return answer.json()

    def subnet(self) -> str:
        """Id of the group's subnet in its region, made when missing."""
        body = {
            "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
            "subnets": [{"name": "default", "properties": {"addressPrefix": "10.0.0.0/24"}}],
        }
        network = self.put(self.network("virtualNetworks", "net" + self.suffix), body)
        return f"{network['id']}/subnets/default"

    def address(self, name: str) -> str:
        """Id of a new public address."""
        path = self.network("publicIPAddresses", name)
        body = {"publicIPAllocationMethod": "Static"}
        return str(self.put(path, body, sku={"name": "Standard"})["id"])

    def nic(self, name: str, **properties: Any) -> str:
        """Id of a new NIC with a public address; both die with their VM."""
        address = {"id": self.address(f"{name}-ip"), "properties": {"deleteOption": "Delete"}}
        inner = {"subnet": {"id": self.subnet()}, "publicIPAddress": address}
        body = {"ipConfigurations": [{"name": "main", "properties": inner}], **properties}
        return str(self.put(self.network("networkInterfaces", name), body)["id"])

    def vm_body(self, nic: str, size: str = "Standard_D2ds_v5") -> dict[str, Any]:
        """Properties of a VM."""
        key = {"path": "/home/azureuser/.ssh/authorized_keys", "keyData": KEY}
        return {
            "hardwareProfile": {"vmSize": size},
            "storageProfile": {
                "imageReference": dict(IMAGE),
                "osDisk": {"createOption": "FromImage", "deleteOption": "Delete"},
            },
            "osProfile": {
                "computerName": "box",
                "adminUsername": "azureuser",
                "customData": "I2Nsb3VkLWNvbmZpZwo=",
                "linuxConfiguration": {
                    "disablePasswordAuthentication": True,
                    "ssh": {"publicKeys": [key]},
                },
            },
            "networkProfile": {
                "networkInterfaces": [{"id": nic, "properties": {"deleteOption": "Delete"}}]
            },
        }

    def begin_vm(self, name: str, size: str = "Standard_D2ds_v5", **fields: Any) -> httpx.Response:
        """Begin to create a VM with its own NIC and address."""
        body = self.vm_body(self.nic(f"{name}-nic"), size)
        return self.azure.call(
            "PUT", self.vm(name), {"location": self.location, "properties": body, **fields}
        )

    def running_vm(self, name: str, **fields: Any) -> str:
        """Path of a VM that runs; needs a server whose clock the test advances or that is fast."""
        answer = self.begin_vm(name, **fields)
        assert answer.status_code == 201, answer.text
        if self.azure.status.speed < 100:
            self.azure.advance(600)
        assert self.azure.wait(answer)["status"] == "Succeeded"
        return self.vm(name)

    def states(self, name: str) -> list[str]:
        """Status codes of a VM's instance view."""
        view = self.azure.get(self.vm(name) + "/instanceView")
        return [status["code"] for status in view["statuses"]]
