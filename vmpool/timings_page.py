"""The history as one page that stands alone: no script, no font, nothing from elsewhere."""

from __future__ import annotations

from datetime import datetime
from html import escape

from vmpool.history import History
from vmpool.plots import phase_bars, run_dots
from vmpool.scenario import AIMS, aim_of
from vmpool.timing import minutes

STYLE = """
:root { color-scheme: light dark; --page: #f4f6f8; --card: #fff; --ink: #1f2933; --dim: #52606d;
  --line: #e1e5ea; --bar: #2f6db3; --total: #2a9d8f; --spread: #8a97a6; --goal: #c0392b; }
@media (prefers-color-scheme: dark) { :root { --page: #14181d; --card: #1d232a; --ink: #e6eaef;
  --dim: #9aa7b4; --line: #323b45; --bar: #5b9be0; --total: #43c2b2; --spread: #75838f;
  --goal: #ff7a6b; } }
body { margin: 0 auto; max-width: 940px; padding: 24px 16px; background: var(--page);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 24px; margin: 0; } h2 { font-size: 18px; margin: 0; }
h3 { font-size: 13px; font-weight: 500; color: var(--dim); margin: 14px 0 4px; }
p { color: var(--dim); margin: 4px 0 16px; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 16px 20px; margin: 16px 0; }
section p { margin-bottom: 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 4px 10px; border-bottom: 1px solid var(--line); }
th { color: var(--dim); font-weight: 500; }
th:first-child, td:first-child { text-align: left; }
tr:last-child td { border-bottom: 0; }
.late { color: var(--goal); }
svg { width: 100%; height: auto; display: block; font: 12px system-ui, sans-serif; }
text { fill: var(--ink); } .axis-text { fill: var(--dim); font-size: 11px; }
.figure { font-variant-numeric: tabular-nums; } .grid { stroke: var(--line); }
.bar { fill: var(--bar); } .total { fill: var(--total); }
.spread { stroke: var(--spread); stroke-width: 2; }
.goal { stroke: var(--goal); stroke-width: 1.5; stroke-dasharray: 5 4; }
.goal-text { fill: var(--goal); font-size: 11px; }
.path { fill: none; stroke: var(--total); stroke-width: 1.5; }
.dot { fill: var(--total); } .hollow { fill: var(--card); stroke: var(--goal); stroke-width: 2; }
"""


def page(history: History, made_at: datetime) -> str:
    """The page.

    Args:
        history: at least one run.
        made_at: UTC.
    """
    sections = "\n".join(_section(history, way) for way in history.scenarios)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Timings of {len(history.runs)} runs</title>
<style>{STYLE}</style>
</head>
<body>
<h1>How long it takes until a pool is ready</h1>
<p>The last {len(history.runs)} runs, read on {made_at:%Y-%m-%d at %H:%M} UTC. Minutes on the
cloud's clock; the bar is the median (p50), its whisker ends where 19 of 20 have ended (p95).</p>
<section>
<h2>Against the goals, and a set-up by hand</h2>
{_overview(history)}
</section>
{sections}
</body>
</html>
"""


def _overview(history: History) -> str:
    rows = []
    for way in history.scenarios:
        known, aim = history.totals.get(way), aim_of(way)
        if known is None:
            continue
        late = ' class="late"' if aim and known.p50 > aim.seconds else ""
        aims = (f"{aim.minutes:g}" if aim and aim.word == word else "" for word in AIMS)
        rows.append(
            f"<tr><td>{escape(way)}</td><td>{known.runs}</td><td{late}>{minutes(known.p50)}</td>"
            f"<td>{minutes(known.p95)}</td>{''.join(f'<td>{figure}</td>' for figure in aims)}</tr>"
        )
    names = ("scenario", "runs", "p50", "p95", *(f"{word} (min)" for word in AIMS))
    head = "".join(f"<th>{name}</th>" for name in names)
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def _section(history: History, way: str) -> str:
    aim, runs = aim_of(way), [run for run in history.runs if run.scenario == way]
    whole = run_dots(runs, aim) if runs else ""
    return f"""<section>
<h2>{escape(way)}</h2>
<h3>Phases: p50 and p95 in minutes</h3>
{phase_bars(history.of(way), history.totals.get(way), aim)}
<h3>Whole runs over time, in minutes; hollow where a worker did not end well</h3>
{whole}
</section>"""
