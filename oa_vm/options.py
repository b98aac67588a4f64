"""Options that several commands take, stated once."""

from __future__ import annotations

from typing import Annotated

import typer

Pool = Annotated[str | None, typer.Option("--pool", help="Pool name; default WAA_POOL.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document to stdout.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan, change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
Size = Annotated[list[str] | None, typer.Option("--size", help="VM size; may repeat.")]
Region = Annotated[list[str] | None, typer.Option("--region", help="May repeat.")]
Hours = Annotated[
    float | None,
    typer.Option("--auto-pause-hours", help="Until auto-pause; default WAA_AUTO_PAUSE_HOURS."),
]
MinReady = Annotated[
    int | None, typer.Option("--min-ready", help="Workers that must be ready; default all.")
]
GoldenImage = Annotated[str, typer.Option("--image", help="Golden image: auto, none, or a name.")]
