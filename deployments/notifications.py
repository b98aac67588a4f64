"""Warnings that reach people: one automation that sends our warning events to a notification block.

Only where somebody named a block in `WAA_NOTIFICATION_BLOCK`; else the automation is removed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from prefect import get_client
from prefect.automations import AutomationCore, EventTrigger, Posture, SendNotification
from prefect.client.orchestration import PrefectClient
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound

from vmpool.errors import UsageError

NAME = "waa warnings"
MESSAGES = {
    "waa.pool.pause_due": (
        "is paused at {{ event.payload.pause_at }}",
        "To put it off: {{ event.payload.extend_with }}",
    ),
    "waa.pool.idle": (
        "has been paused for {{ event.payload.days | round(1) }} days",
        (
            "It is deleted after {{ event.payload.delete_at }}. To keep it: "
            "{{ event.payload.keep_with }}"
        ),
    ),
    "waa.pool.deletion_due": (
        "is deleted after {{ event.payload.delete_at }}",
        "To keep it: {{ event.payload.keep_with }}",
    ),
    "waa.pool.failed": (
        "{{ event.payload.flow }} failed",
        (
            "{{ event.payload.error }}\n"
            "What there is of it: oa-vm pool-status --pool {{ event.resource.name }}"
        ),
    ),
    "waa.budget.exceeded": (
        "is paused, the budget of this {{ event.payload.period }} is used up",
        (
            "{{ event.payload.spent_usd | round(2) }} of {{ event.payload.budget_usd }} USD spent "
            "(estimates). To go on, raise WAA_BUDGET_USD_PER_{{ event.payload.period | upper }}, "
            "then: oa-vm pool-resume --pool {{ event.resource.name }}"
        ),
    ),
}
"""By event what somebody may want to do something about: end of the subject, and text.

Templates of Jinja, as Prefect renders them.
"""


def _either(texts: Iterable[str]) -> str:
    """One template that gives the text of the event that came."""
    cases = zip(MESSAGES, texts, strict=True)
    branches = [f'{{% elif event.event == "{event}" %}}{text}' for event, text in cases]
    return "{% if False %}" + "".join(branches) + "{% endif %}"


SUBJECT = "Pool {{ event.resource.name }}: " + _either(end for end, _ in MESSAGES.values())
BODY = _either(text for _, text in MESSAGES.values())
BODY += "{% for warning in event.payload.warnings %}\n{{ warning }}{% endfor %}"


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
        expect=set(MESSAGES),
        posture=Posture.Reactive,
        threshold=1,
        within=timedelta(0),
    )
    send = SendNotification(block_document_id=block_id, subject=SUBJECT, body=BODY)
    return AutomationCore(name=NAME, trigger=trigger, actions=[send])
