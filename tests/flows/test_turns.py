"""Many workers from one image: 20 at a time from a managed one, all at once from a gallery's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from image_lab import Gallery, capture, generalized_vm
from prefect import flow
from raw_azure import Group
from world import World

from tasks import turns
from tasks.operation import look, operation
from tasks.reconcile import create_somewhere
from tasks.wanted import spec_from
from vmpool import naming, tags
from vmpool.golden import Image, ImageKind, ImageState
from vmpool.model import Place

WORKERS = 25
SPEED = 75.0
"""Slow enough that all creates are under way at once: one takes four wall seconds, of sixteen."""
PLACE = Place("Standard_D2ds_v5", "eastus")


@dataclass
class Crowd:
    """A world with an image of each kind, whose VMs are empty."""

    world: World
    managed: Image
    gallery: Image

    async def create(self, image: Image) -> list[BaseException | Place]:
        """Create all workers from an image; what became of each."""
        state = await self.world.run(create_crowd, image=image)
        found: list[BaseException | Place] = state.result
        return found


@flow(name="create-crowd")
async def create_crowd(pool: str, image: Image) -> list[BaseException | Place]:
    """Create workers from an image at once, and leave them at that."""
    async with operation(pool) as session:
        await look(session)
        spec = replace(spec_from(session, WORKERS), image=image)

        async def nothing(worker: str) -> None:
            del worker

        names = [naming.worker_name(pool, index) for index in range(WORKERS)]
        return await asyncio.gather(
            *(create_somewhere(name, spec, PLACE, nothing) for name in names),
            return_exceptions=True,
        )


def domain_image(document: dict[str, Any], kind: ImageKind) -> Image:
    """An image as the product sees it."""
    now = tags.parse_time("2026-11-24T00:00:00Z")
    assert now
    return Image(
        name=document["name"],
        resource_id=document["id"],
        region="eastus",
        size_gb=30,
        state=ImageState.CURRENT,
        created_at=now,
        docker_image="",
        has_windows=False,
        kind=kind,
    )


@pytest.fixture
def crowd(lonely_world: Callable[..., World]) -> Crowd:
    """Images to create from."""
    world = lonely_world(speed=SPEED, guests="none")
    group = Group(world.raw, world.group)
    box = generalized_vm(group, "box")
    managed = domain_image(capture(group, box, "golden"), ImageKind.MANAGED)
    gallery = domain_image(Gallery(group).publish(box), ImageKind.GALLERY)
    return Crowd(world, managed, gallery)


async def test_more_than_twenty_workers_take_turns_at_a_managed_image(crowd: Crowd) -> None:
    assert await crowd.create(crowd.managed) == [PLACE] * WORKERS


async def test_workers_of_a_gallery_do_not_wait(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "MOST_AT_ONCE", 0)  # whoever waited would wait for ever
    assert await crowd.create(crowd.gallery) == [PLACE] * WORKERS


async def test_without_turns_azure_would_give_up_on_some(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "MOST_AT_ONCE", WORKERS)
    failed = [item for item in await crowd.create(crowd.managed) if item != PLACE]
    assert 1 <= len(failed) <= WORKERS - 20  # fewer where this machine could not ask at once
    assert "OSProvisioningTimedOut" in str(failed)
