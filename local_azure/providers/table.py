"""All of Resource Manager's routes in one table; the first that fits wins."""

from __future__ import annotations

from local_azure.providers import (
    activity_log,
    addresses,
    disks,
    galleries,
    gallery_versions,
    groups,
    image_write,
    images,
    networks,
    nics,
    polling,
    registries,
    registry_credentials,
    registry_runs,
    registry_write,
    resources,
    scheduled_actions,
    security_groups,
    shutdown_schedules,
    skus,
    subscriptions,
    tags,
    vm_power,
    vm_write,
    vms,
)
from local_azure.route import Routes

TABLE = Routes()
for _module in (
    subscriptions,
    groups,
    tags,
    resources,
    polling,
    vms,
    vm_write,
    vm_power,
    disks,
    images,
    image_write,
    galleries,
    gallery_versions,
    skus,
    networks,
    security_groups,
    addresses,
    nics,
    scheduled_actions,
    shutdown_schedules,
    registries,
    registry_write,
    registry_credentials,
    registry_runs,
    activity_log,
):
    TABLE.include(_module.routes)
