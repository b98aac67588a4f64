"""What a run leaves behind in the Prefect UI: the table and the chart of its phases, and costs."""

from __future__ import annotations

from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.logging import get_run_logger

from tasks.history import SUFFIX
from tasks.session import Session
from tasks.spending import SHOWN_DAYS, note, read_spending, records_of
from vmpool.chart import markdown
from vmpool.cost import cost
from vmpool.history import History, headline, run_of, stored
from vmpool.receipt import markdown as cost_markdown
from vmpool.spending_chart import markdown as spending_markdown
from vmpool.status import cost_document


async def publish(flow: str, session: Session, history: History, more: str = "") -> None:
    """Write the artifacts `<pool>-timings`, `<pool>-chart`, `<pool>-cost` and `<pool>-spent`.

    A failure to is logged, not raised.

    Args:
        flow: the flow's name.
        session: the operation that ends.
        history: the runs before, to mark what took too long.
        more: what else the description of the table says.
    """
    await _publish_cost(session)
    spans = session.recorder.spans
    if not spans:
        return
    run = run_of(flow, session.pool, spans)
    title = headline(flow, run)
    over = history.over(run)
    try:
        await acreate_table_artifact(
            stored(run, over),
            key=f"{session.pool}{SUFFIX}",
            description="; ".join(filter(None, (title, more))),
        )
        await acreate_markdown_artifact(
            markdown(title, spans, over), key=f"{session.pool}-chart", description=title
        )
    except Exception as error:  # noqa: BLE001 # a lost picture must not fail a paid-for operation
        get_run_logger().warning("The timing artifacts could not be written: %s", error)


async def _publish_cost(session: Session) -> None:
    found = session.final_cost
    if found is None and session.observed and not session.observed.is_absent:
        found = cost_document(cost(session.observed))
    if found is None:
        return
    receipt = cost_markdown(session.pool, found, session.receipt)
    try:
        await acreate_markdown_artifact(
            "\n\n".join([receipt, *await _days(session)]),
            key=f"{session.pool}-cost",
            description=f"What {session.pool} costs",
        )
    except Exception as error:  # noqa: BLE001 # a lost picture must not fail a paid-for operation
        get_run_logger().warning("The cost artifact could not be written: %s", error)


async def _days(session: Session) -> list[str]:
    """Note what the pool has cost by now, and draw what it cost each day; nothing on failure."""
    cloud, today = session.settings.cloud.value, session.clock.now().date()
    try:
        records = records_of(session)
        if records:
            await note(session.pool, records)
        found = await read_spending(cloud, SHOWN_DAYS, session.pool, today)
    except Exception as error:  # noqa: BLE001 # likewise
        get_run_logger().warning("What the pool cost each day could not be noted: %s", error)
        return []
    return [spending_markdown(found)]
