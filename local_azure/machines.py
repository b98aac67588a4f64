"""Between a VM's record and the guest behind it: power, disks, who may connect.

Providers decide; this module tells the guest host in the order of the decisions, one VM at a time,
after the decision is safe on disk. Refuses to know what runs inside a guest.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_azure import contents, firewall
from local_azure.guests.base import GuestHost, GuestSpec
from local_azure.state import Resource

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

log = logging.getLogger(__name__)
VM = "Microsoft.Compute/virtualMachines"
IMAGE = "Microsoft.Compute/images"
VERSION = "Microsoft.Compute/galleries/images/versions"
DISKS, IMAGES = "disks", "images"
"""Folders of content; `source` of an image names one of them."""
SSH = 22
"""The port that security rules speak of; guests listen on the cloud's own SSH port instead."""
Work = Callable[[], Awaitable[None]]


class Machines:
    """The guests of one cloud.

    Args:
        cloud: whose VMs.
        folder: where the disks are.
    """

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self._cloud = cloud
        self._folder = folder
        self._queues: dict[str, asyncio.Task[None]] = {}
        self._captured: dict[str, int | Exception] = {}
        self.host: GuestHost | None = None

    def power_on(self, vm: Resource) -> None:
        """Give power to a VM whose record says when it came on."""
        spec = self._spec(vm)
        boot = dict(vm.hidden["boot"])
        origin = self._origin(vm)
        host = self._host()

        async def work() -> None:
            if origin:
                await asyncio.to_thread(contents.copy_folder, origin, spec.os_disk)
            for folder in (spec.os_disk, spec.temp_disk):
                if folder:
                    folder.mkdir(parents=True, exist_ok=True)
            await host.power_on(spec, boot["at"], boot["ssh_open_at"])

        self._enqueue(spec.vm_id, work)

    def power_off(self, vm: Resource, *, is_orderly: bool) -> None:
        """Take a VM's power: by the button when orderly, else by the plug."""
        vm_id, host = vm.hidden["guid"], self._host()
        self._enqueue(vm_id, lambda: host.power_off(vm_id, is_orderly=is_orderly))

    def wipe_temp_disk(self, vm: Resource) -> None:
        """Deallocated: the host that held the temp disk is somebody else's now."""
        self._remove(vm.hidden["guid"], self._folder / "temp" / vm.hidden["guid"])

    def remove_disk(self, disk: Resource) -> None:
        """A managed disk was deleted."""
        self._remove(disk.hidden.get("used_by", ""), self.disk_folder(disk))

    def disk_folder(self, disk: Resource) -> Path:
        """Where a managed disk's files are."""
        return self._folder / DISKS / str(disk.hidden["guid"])

    def fill_disk(self, disk: Resource) -> None:
        """A new disk gets what its image holds; its VM's first power-on waits for it."""
        source, target = self._image_folder(disk.hidden["origin"]), self.disk_folder(disk)

        async def work() -> None:
            await asyncio.to_thread(contents.copy_folder, source, target)

        self._enqueue(disk.hidden["used_by"], work)

    def capture(self, image: Resource) -> None:
        """Copy a disk that nothing writes to, or another image, into an image.

        Comes after all that the disk's VM was told.
        """
        guid, origin, host = image.hidden["guid"], image.hidden["source"], self._host()
        source, target = self._folder / origin["folder"] / origin["guid"], self._image_folder(guid)

        async def work() -> None:
            try:
                await asyncio.to_thread(contents.copy_folder, source, target)
                self._captured[guid] = await asyncio.to_thread(host.used_bytes, target)
            except Exception as error:  # noqa: BLE001 # told by the operation, which must not hang
                self._captured[guid] = error
            self._cloud.operations.wake(image.id)

        self._enqueue(origin["used_by"], work)

    def is_captured(self, image: Resource) -> bool:
        """Whether a capture has ended, well or not."""
        return image.hidden["guid"] in self._captured

    def captured_bytes(self, image: Resource) -> int:
        """How much a captured image holds.

        Raises:
            OSError: it could not be copied or measured.
        """
        found = self._captured.pop(image.hidden["guid"])
        if isinstance(found, Exception):
            raise OSError(f"not captured: {found!r}") from found
        return found

    def remove_image(self, image: Resource) -> None:
        """An image was deleted: its content goes when nothing that was begun reads it any more."""
        guid = image.hidden["guid"]

        def append() -> None:
            readers = list(self._queues.values())

            async def work() -> None:
                if readers:
                    await asyncio.wait(readers)
                await asyncio.to_thread(contents.remove, self._image_folder(guid))

            self._append(guid, work)

        self._cloud.store.after_commit(append)

    def resume_all(self) -> None:
        """After a restart: copies are made again, VMs that had power go on with the same boot."""
        for image in (*self._cloud.store.find_all(IMAGE), *self._cloud.store.find_all(VERSION)):
            is_new = image.properties["provisioningState"] == "Creating"
            if is_new and "used_bytes" not in image.hidden:
                self.capture(image)
        for vm in self._cloud.store.find_all(VM):
            if vm.hidden.get("boot"):
                self.power_on(vm)
                if going := vm.hidden["boot"].get("going"):
                    self.power_off(vm, is_orderly=going == "orderly")

    async def inject(self, vm: Resource, fault: Any) -> None:
        """Cause trouble inside a guest, if its host can."""
        inject = getattr(self._host(), "inject", None)
        if inject is None:
            raise NotImplementedError("these guests know no faults")
        await self.settle()
        result = inject(vm.hidden["guid"], fault)
        if asyncio.iscoroutine(result):
            await result

    def is_allowed(self, vm_id: str, source: str, port: int) -> bool:
        """Whether security rules admit a connection; the cloud's SSH port stands for 22."""
        vm = self.by_guid(vm_id)
        asked = SSH if port == self._cloud.ssh_port else port
        return vm is not None and firewall.is_allowed(self._cloud.store, vm, source, asked)

    async def on_shutdown(self, vm_id: str) -> None:
        """A guest powered itself off: the VM is Stopped, and billed on."""
        vm = self.by_guid(vm_id)
        if vm is None or vm.hidden.get("power") not in ("running", "starting"):
            return
        vm.hidden["boot"] = None
        vm.hidden["power"] = "stopped"
        vm.hidden["is_shut_down_inside"] = True
        self._cloud.store.put(vm)
        self._cloud.store.commit()

    def by_guid(self, vm_id: str) -> Resource | None:
        """The VM with that `vmId`."""
        found = (vm for vm in self._cloud.store.find_all(VM) if vm.hidden["guid"] == vm_id)
        return next(found, None)

    async def settle(self) -> None:
        """Wait until the guest host did everything it was told."""
        while running := [task for task in self._queues.values() if not task.done()]:
            await asyncio.wait(running)

    def _host(self) -> GuestHost:
        if self.host is None:
            raise RuntimeError("no guest host yet")
        return self.host

    def _image_folder(self, guid: str) -> Path:
        return self._folder / IMAGES / guid

    def _os_disk(self, vm: Resource) -> Resource:
        disk = self._cloud.store.get(vm.properties["storageProfile"]["osDisk"]["managedDisk"]["id"])
        if disk is None:
            raise RuntimeError(f"{vm.id} has no OS disk")
        return disk

    def _origin(self, vm: Resource) -> Path | None:
        """The image content that a VM's OS disk began with."""
        guid = self._os_disk(vm).hidden.get("origin")
        return self._image_folder(guid) if guid else None

    def _spec(self, vm: Resource) -> GuestSpec:
        profile = vm.properties["osProfile"]
        size = self._cloud.catalog.sizes[vm.properties["hardwareProfile"]["vmSize"]]
        disk = self._os_disk(vm)
        linux = profile.get("linuxConfiguration", {})
        keys = linux.get("ssh", {}).get("publicKeys", [])
        guid = vm.hidden["guid"]
        return GuestSpec(
            vm_id=guid,
            name=profile["computerName"],
            address=firewall.public_address(self._cloud.store, vm),
            admin_username=profile["adminUsername"],
            authorized_keys=tuple(key["keyData"].strip() for key in keys),
            user_data=base64.b64decode(vm.hidden.get("custom_data") or ""),
            os_disk=self.disk_folder(disk),
            temp_disk=self._folder / "temp" / guid if size.temp_gib else None,
            vcpus=size.vcpus,
            memory_gib=size.memory_gib,
            os_disk_gib=disk.properties["diskSizeGB"],
            is_nested=size.is_nested,
        )

    def _remove(self, queue: str, folder: Path) -> None:
        async def work() -> None:
            await asyncio.to_thread(contents.remove, folder)

        self._enqueue(queue, work)

    def _enqueue(self, queue: str, work: Work) -> None:
        self._cloud.store.after_commit(lambda: self._append(queue, work))

    def _append(self, queue: str, work: Work) -> None:
        before = self._queues.get(queue)

        async def run() -> None:
            if before:
                await asyncio.wait([before])
            try:
                await work()
            except Exception:
                log.exception("guest of %s", queue)

        task = asyncio.get_running_loop().create_task(run())
        self._queues[queue] = task
        task.add_done_callback(lambda done: self._forget(queue, done))

    def _forget(self, queue: str, task: asyncio.Task[None]) -> None:
        if self._queues.get(queue) is task:
            del self._queues[queue]
