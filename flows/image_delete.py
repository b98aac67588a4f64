"""image-delete: one golden image deleted."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.images import delete_image, our_images
from tasks.operation import operation
from tasks.outcome import image_status
from vmpool.imaging import named
from vmpool.naming import BAKE_POOL


@flow(name="image-delete", flow_run_name="image-delete {name}")
async def image_delete(name: str) -> dict[str, Any]:
    """Delete a golden image; pools that were made from it go on.

    Args:
        name: the image's name.

    Returns:
        The images that are left, as `image-list --json` shows them.

    Raises:
        NotFoundError: there is no image of ours of that name.
    """
    async with operation(BAKE_POOL):
        await delete_image(name, named(await our_images(), name))
        return await image_status("deleted")
