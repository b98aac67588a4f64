"""image-refresh: a new bake, but only if something that went into the image has changed."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.logging import get_run_logger

from flows.image_create import image_create
from tasks.survey import ask_images
from vmpool.golden import ImageState


@flow(name="image-refresh", flow_run_name="image-refresh")
async def image_refresh() -> dict[str, Any]:
    """Bake anew if there is no current image, or its build context or a base image changed.

    Returns:
        The images, as `image-list --json` shows them.

    Raises:
        VmPoolError: the bake failed; the image before stays current.
    """
    found = await ask_images()
    current = [i for i in found["images"] if i["state"] == ImageState.CURRENT.value]
    if current and not current[0]["is_stale"]:
        get_run_logger().info("%s is up to date: nothing to bake", current[0]["name"])
        return found
    why = "; ".join(current[0]["changed"]) if current else "there is none yet"
    get_run_logger().info("Baking a new image: %s", why)
    return await image_create(with_windows=current[0]["windows"] if current else True)
