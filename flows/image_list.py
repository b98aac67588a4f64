"""image-list: the golden images as a run in the UI. Asks, changes nothing."""

from __future__ import annotations

from typing import Any

from prefect import flow

from tasks.survey import ask_images


@flow(name="image-list", flow_run_name="image-list")
async def image_list() -> dict[str, Any]:
    """Ask Azure which golden images there are.

    Returns:
        The images, as `oa-vm image-list --json` shows them.
    """
    return await ask_images()
