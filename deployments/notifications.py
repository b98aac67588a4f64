"""Warnings that reach people: one automation that sends our warning events to a notification block.

Only where somebody named a block in `WAA_NOTIFICATION_BLOCK`; else the automation is removed.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from prefect import get_client
from prefect.automations import AutomationCore, EventTrigger, Posture, SendNotification
from prefect.client.orchestration import PrefectClient
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound

from vmpool.errors import UsageError

NAME = "waa warnings"
EVENTS = ("pause_due", "idle", "deletion_due", "failed")
"""What somebody may want to do something about."""
SUBJECT = "{{ event.name }}: {{ event.resource.name }}"
BODY = """{% for warning in event.payload.warnings %}{{ warning }}
{% endfor %}{{ event.payload.error }}
{{ event.payload.extend_with }}{{ event.payload.keep_with }}"""


async def ensure_notifications(block: str) -> None:
    """Make the automation say what the settings say.

    Args:
        block: `type/name` of a notification block, "" for none.

    Raises:
        UsageError: there is no such block.
    """
    async with get_client() as client:
        existing = await client.read_automations_by_name(NAME)
        wanted = await _automation(client, block) if block else None
        for automation in existing[1 if wanted else 0 :]:
            await client.delete_automation(automation.id)
        if wanted and existing:
            await client.update_automation(existing[0].id, wanted)
        elif wanted:
            await client.create_automation(wanted)


async def _automation(client: PrefectClient, block: str) -> AutomationCore:
    kind, _, name = block.partition("/")
    try:
        found = await client.read_block_document_by_name(name, kind)
    except ObjectNotFound as error:
        raise UsageError(
            f"WAA_NOTIFICATION_BLOCK: there is no block {block!r}: "
            "prefect block ls shows them as type/name"
        ) from error
    return _sending_to(found.id)


def _sending_to(block_id: UUID) -> AutomationCore:
    trigger = EventTrigger(
        match=ResourceSpecification({"prefect.resource.id": "waa.pool.*"}),
        expect={f"waa.pool.{name}" for name in EVENTS},
        posture=Posture.Reactive,
        threshold=1,
        within=timedelta(0),
    )
    send = SendNotification(block_document_id=block_id, subject=SUBJECT, body=BODY)
    return AutomationCore(name=NAME, trigger=trigger, actions=[send])
