"""image-create: the bake of a golden image, proved by a canary before any pool uses it."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks import bake
from tasks.budgeting import check_budget
from tasks.images import promote_image
from tasks.operation import operation
from tasks.outcome import image_status
from tasks.seed import take_worker
from tasks.wanted import spec_from
from vmpool.golden import Image
from vmpool.model import Place
from vmpool.naming import BAKE_HOURS, BAKE_POOL


@flow(name="image-create", flow_run_name="image-create")
async def image_create(
    with_windows: bool = True,  # noqa: FBT001, FBT002 # a tick box in the UI
    sizes: list[str] | None = None,
    regions: list[str] | None = None,
    from_worker: str | None = None,
) -> dict[str, Any]:
    """Bake a golden image on a VM of its own; nothing of a failed or killed bake is left billing.

    Args:
        with_windows: install Windows too, so that a cold start boots it instead.
        sizes: VM sizes of the builder, best first; WAA_SIZES by default.
        regions: Azure regions, best first; the image is made in one of them.
        from_worker: a running worker whose disk it shall be; the worker is used up by it.

    Returns:
        The images, as `image-list --json` shows them.

    Raises:
        VmPoolError: a phase failed, or the canary did; the image before stays current.
    """
    async with operation(BAKE_POOL) as session:
        spec = spec_from(session, 1, sizes, regions, BAKE_HOURS)
        image: Image | None = None
        await bake.check_regions()
        await check_budget([Place(spec.sizes[0], spec.regions[0])], (), BAKE_HOURS)
        await bake.clear()
        await bake.drop_candidates()
        try:
            if from_worker:
                place, image = await take_worker(from_worker, with_windows=with_windows)
            else:
                place = await bake.build(spec, with_windows=with_windows)
                image = await bake.candidate(bake.BUILDER, place, with_windows=with_windows)
                image = await bake.capture(bake.BUILDER, image)
            boot_seconds = await bake.prove(spec, image, place)
            await promote_image(session.pool, image, boot_seconds)
        except BaseException:
            await bake.discard(image)
            raise
        finally:
            await bake.clear()
        await bake.prune(image)
        return await image_status("promoted")
