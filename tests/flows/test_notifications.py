"""Warnings go to a notification block only where somebody configured one."""

from __future__ import annotations

import pytest
from prefect import get_client
from prefect.automations import Automation
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from webhook import Webhook
from world import World

from deployments.notifications import MESSAGES, NAME, ensure_notifications
from flows.pool_create import pool_create
from vmpool.errors import UsageError


async def automations() -> list[Automation]:
    async with get_client() as client:
        return await client.read_automations_by_name(NAME)


async def make_block(name: str) -> str:
    block = CustomWebhookNotificationBlock(name=name, url="http://127.0.0.1:9/", method="POST")
    await block.save(name, overwrite=True)
    return f"custom-webhook/{name}"


async def test_the_automation_follows_the_setting() -> None:
    """Made, changed, not doubled, and gone with the setting."""
    await ensure_notifications("")
    assert await automations() == []
    first, second = await make_block("first"), await make_block("second")
    await ensure_notifications(first)
    (made,) = await automations()
    assert made.trigger.expect == set(MESSAGES)
    await ensure_notifications(second)
    (changed,) = await automations()
    assert changed.id == made.id
    assert changed.actions[0].block_document_id != made.actions[0].block_document_id
    await ensure_notifications("")
    assert await automations() == []


async def test_a_block_that_does_not_exist_is_a_line_that_names_the_setting() -> None:
    with pytest.raises(UsageError, match=r"WAA_NOTIFICATION_BLOCK.*prefect block ls"):
        await ensure_notifications("slack-webhook/nobody")


async def test_a_failed_operation_is_told_with_its_error(world: World, webhook: Webhook) -> None:
    world.variables["WAA_BUDGET_USD_PER_DAY"] = "0.01"
    run = await world.run(pool_create)
    (message,) = await webhook.about(world.pool)
    assert message["subject"] == f"Pool {world.pool}: pool-create failed"
    assert message["body"].splitlines() == [
        str(run.error),
        f"What there is of it: oa-vm pool-status --pool {world.pool}",
    ]
