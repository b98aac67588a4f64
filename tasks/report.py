"""What a run leaves behind in the Prefect UI: the table and the chart of its phases."""

from __future__ import annotations

from prefect.artifacts import acreate_markdown_artifact, acreate_table_artifact
from prefect.logging import get_run_logger

from tasks.session import Session
from vmpool.chart import markdown
from vmpool.timing import headline, rows


async def publish(flow: str, session: Session) -> None:
    """Write the artifacts `<pool>-timings` and `<pool>-chart`; a failure to is logged, not raised.

    Args:
        flow: the flow's name.
        session: the operation that ends.
    """
    spans = session.recorder.spans
    if not spans:
        return
    title = headline(flow, spans)
    try:
        await acreate_table_artifact(rows(spans), key=f"{session.pool}-timings", description=title)
        await acreate_markdown_artifact(
            markdown(title, spans), key=f"{session.pool}-chart", description=title
        )
    except Exception as error:  # noqa: BLE001 # a lost picture must not fail a paid-for operation
        get_run_logger().warning("The timing artifacts could not be written: %s", error)
