"""Options that several commands take, stated once."""

from __future__ import annotations

from typing import Annotated

import typer

Pool = Annotated[
    str | None,
    typer.Option("--pool", metavar="NAME", help="Which pool; default WAA_POOL, else waa-pool."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document to stdout.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask first.")]
Size = Annotated[
    list[str] | None,
    typer.Option(
        "--size", metavar="SIZE", help="VM size, best first; may be repeated. Default WAA_SIZES."
    ),
]
Region = Annotated[
    list[str] | None,
    typer.Option(
        "--region",
        metavar="REGION",
        help="Azure region, best first; may be repeated. Default WAA_REGIONS.",
    ),
]
Hours = Annotated[
    float | None,
    typer.Option(
        "--auto-pause-hours",
        metavar="HOURS",
        help="Hours until the pool is paused; default WAA_AUTO_PAUSE_HOURS, else 2.",
    ),
]
MinReady = Annotated[
    int | None,
    typer.Option(
        "--min-ready",
        metavar="N",
        help="Succeed if at least so many workers get ready; default all.",
    ),
]
GoldenImage = Annotated[
    str,
    typer.Option(
        "--image",
        metavar="IMAGE",
        help="Golden image for new workers: its name, auto for the current one, or none.",
    ),
]
