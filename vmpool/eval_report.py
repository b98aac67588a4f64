"""Pure: what an evaluation came to: units, seconds and dollars per worker, and what is not done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vmpool.evals import Board, End, Record
from vmpool.receipt import usd
from vmpool.timing import minutes

Json = dict[str, Any]
MOST_PROBLEMS = 50
"""In the artifact; all of them are in the summary's file."""


@dataclass(frozen=True)
class Share:
    """What one worker contributed.

    Attributes:
        worker: worker name.
        busy_seconds: cloud seconds that it did units, in vain or not.
        usd: what it cost from the evaluation's beginning to its end, None if not known.
        lost: why it left, "" if it did not.
        is_ready: whether it became ready at all.
    """

    worker: str
    busy_seconds: float
    usd: float | None
    lost: str
    is_ready: bool = True


def summary(
    board: Board,
    shares: Sequence[Share],
    scores: Mapping[str, Sequence[float]],
    seconds: float,
    total_usd: float | None,
) -> Json:
    """The document of an evaluation.

    Args:
        board: the units, all ended.
        shares: the workers.
        scores: WAA's scores found in the results, by unit.
        seconds: cloud seconds of the whole evaluation, bringing up and pausing included.
        total_usd: what all workers cost meanwhile.
    """
    records = sorted(board.records, key=lambda record: record.unit.name)
    whole = {
        "kind": "task" if any(record.unit.shard is None for record in records) else "shard",
        "units": board.total,
        **_counts(records),
        **_scored(records, scores),
        "seconds": round(seconds, 1),
        "usd": total_usd,
    }
    workers = [_of(share, records, scores) for share in sorted(shares, key=lambda s: s.worker)]
    return whole | {"workers": workers, "results": [_record(record) for record in records]}


def _of(share: Share, records: Sequence[Record], scores: Mapping[str, Sequence[float]]) -> Json:
    mine = [record for record in records if record.worker == share.worker]
    return {
        "worker": share.worker,
        **_counts(mine),
        **_scored(mine, scores),
        "busy_seconds": round(share.busy_seconds, 1),
        "usd": share.usd,
        "lost": share.lost or None,
        "ready": share.is_ready,
    }


def _counts(records: Iterable[Record]) -> Json:
    ends = [record.end for record in records]
    return {
        "done": ends.count(End.DONE),
        "failed": ends.count(End.FAILED),
        "not_done": ends.count(End.NOT_DONE),
    }


def _scored(records: Iterable[Record], scores: Mapping[str, Sequence[float]]) -> Json:
    found = [score for record in records for score in scores.get(record.unit.name, ())]
    mean = round(sum(found) / len(found), 4) if found else None
    return {"scored": len(found), "score": mean}


def _record(record: Record) -> Json:
    return {
        "unit": record.unit.name,
        "end": record.end.value,
        "worker": record.worker or None,
        "seconds": round(record.seconds, 1),
        "detail": record.detail or None,
        "losses": record.losses,
    }


def rows(document: Json) -> list[dict[str, str]]:
    """The workers as a table, the whole below them."""
    whole = document | {"worker": "all", "lost": None, "ready": True}
    whole["busy_seconds"] = sum(worker["busy_seconds"] for worker in document["workers"])
    return [_row(found) for found in (*document["workers"], whole)]


def _row(found: Json) -> dict[str, str]:
    score = f"{found['score']:.3f} ({found['scored']})" if found["scored"] else "-"
    return {
        "worker": found["worker"],
        "done": str(found["done"]),
        "failed": str(found["failed"]),
        "score": score,
        "busy": minutes(found["busy_seconds"]),
        "USD": usd(found["usd"]),
        "": "lost" if found["lost"] else "" if found["ready"] else "not ready",
    }


def headline(pool: str, document: Json) -> str:
    """One line: `waa-pool: 29 of 30 done, 1 failed; 41:10 min and 2.31 USD in all`."""
    parts = [f"{document['done']} of {document['units']} done"]
    parts += [f"{document['failed']} failed"] if document["failed"] else []
    parts += [f"{document['not_done']} not done"] if document["not_done"] else []
    took, spent = minutes(document["seconds"]), usd(document["usd"])
    return f"{pool}: {', '.join(parts)}; {took} min and {spent} USD in all"


def notes(document: Json) -> list[str]:
    """Which workers got nothing to do although all was done: that is no failure of theirs."""
    if document["not_done"] or len(document["workers"]) == 1:
        return []
    return [
        f"{worker['worker']}: no {document['kind']}, the others were quicker"
        for worker in document["workers"]
        if worker["ready"] and not worker["busy_seconds"] and not worker["lost"]
    ]


def problems(document: Json) -> list[str]:
    """What is not done or failed and which workers were missing or lost, one line each."""
    missing = [f"{w['worker']} did not become ready" for w in document["workers"] if not w["ready"]]
    lost = [f"{w['worker']} was lost: {w['lost']}" for w in document["workers"] if w["lost"]]
    undone = [
        f"{found['unit']}: {found['end']}{_on(found)}: {found['detail']}"
        for found in document["results"]
        if found["end"] != End.DONE
    ]
    return missing + lost + undone


def _on(found: Json) -> str:
    return f" on {found['worker']}" if found["worker"] else ""


def markdown(document: Json) -> str:
    """The summary as a Prefect artifact shows it."""
    table = rows(document)
    head = [list(table[0]), ["---", "---:", "---:", "---:", "---:", "---:", "---"]]
    lines = [f"| {' | '.join(cells)} |" for cells in [*head, *(row.values() for row in table)]]
    said = problems(document)
    listed = [f"- {line}" for line in notes(document) + said[:MOST_PROBLEMS]]
    if len(said) > MOST_PROBLEMS:
        listed.append(f"- and {len(said) - MOST_PROBLEMS} more, see summary.json")
    title = f"## {headline(document['pool'], document)}"
    return "\n".join(
        [title, "", *lines, "", *listed, "", f"Results are in `{document['folder']}`."]
    )
