"""What the end of an operation says of money: the receipt of a pause, the sum of a cleanup."""

from __future__ import annotations

from typing import Any

from prefect.logging import get_run_logger

from tasks.images import our_images
from tasks.operation import look
from tasks.session import current
from vmpool.cost import cost
from vmpool.errors import VmPoolError
from vmpool.golden import Image
from vmpool.imaging import AUTO, choose
from vmpool.model import Observed
from vmpool.receipt import break_even
from vmpool.status import cost_document


async def pause_receipt(observed: Observed) -> dict[str, Any] | None:
    """When deleting would have been cheaper than this pause, None if that is not known.

    Args:
        observed: the pool, paused.
    """
    regions = {worker.place.region for worker in observed.workers}
    found, count = cost_document(cost(observed)), len(observed.workers)
    receipt = break_even(found, count, await _image(regions), observed.at)
    current().receipt = receipt
    return receipt


async def _image(regions: set[str]) -> Image | None:
    """The image that the pool would be made from; a question that fails holds no pause up."""
    try:
        images = [image for image in await our_images() if image.region in regions]
    except VmPoolError as error:
        get_run_logger().warning("Golden images could not be asked for: %s", error)
        return None
    return choose(images, AUTO)


async def final_cost() -> None:
    """Reckon what the pool has cost in all, before the last of it that says so is deleted."""
    session = current()
    session.final_cost = cost_document(cost(await look(session)))
