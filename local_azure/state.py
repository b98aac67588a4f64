"""Everything the cloud knows, in one SQLite file: resources, operations, meter, settings.

The file is the only copy: what is read is what a restarted server would read. A write is committed
before its request is acknowledged (WAL, `synchronous=NORMAL`: it survives the death of the process;
only a crash of the whole machine could take the last moments). Handlers never commit; whoever
dispatches them does, or rolls back. Refuses to interpret any document.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCHEMA = """
create table if not exists resources (
    key text primary key, id text not null, type text not null, grp text not null,
    body text not null, hidden text not null, made integer not null);
create index if not exists resources_by_type on resources (type, grp);
create table if not exists operations (
    id text primary key, resource text not null, is_running integer not null, body text not null);
create index if not exists operations_running on operations (is_running, resource);
create table if not exists meter (
    guid text primary key, resource text not null, type text not null, pool text,
    usd real not null, usd_per_hour real not null, since real not null,
    is_deleted integer not null);
create table if not exists meta (key text primary key, value text not null);
"""


@dataclass
class Resource:
    """One resource as Azure stores it.

    Attributes:
        id: ARM id in its creator's case.
        type: e.g. `Microsoft.Compute/virtualMachines`.
        body: the document that GET shows, apart from what is computed on reading.
        hidden: what Azure knows but never shows.
    """

    id: str
    type: str
    body: dict[str, Any]
    hidden: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Last segment of the id."""
        return self.id.rpartition("/")[2]

    @property
    def group(self) -> str:
        """Resource group as written in the id; empty for a group itself."""
        return self.id.split("/")[4] if "/providers/" in self.id else ""

    @property
    def location(self) -> str:
        """Region."""
        return str(self.body.get("location", ""))

    @property
    def properties(self) -> dict[str, Any]:
        """The `properties` object."""
        properties: dict[str, Any] = self.body.setdefault("properties", {})
        return properties

    @property
    def tags(self) -> dict[str, str]:
        """The `tags` object."""
        tags: dict[str, str] = self.body.setdefault("tags", {})
        return tags


class Store:
    """The SQLite file. One thread uses it.

    Args:
        file: made when missing.
    """

    def __init__(self, file: Path) -> None:
        self._db = sqlite3.connect(file, isolation_level="DEFERRED")
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=normal")
        self._db.executescript(SCHEMA)
        self._after_commit: list[Callable[[], None]] = []

    def get(self, resource_id: str) -> Resource | None:
        """The resource, whatever the case of its id."""
        row = self._db.execute(
            "select id, type, body, hidden from resources where key = ?", (resource_id.lower(),)
        ).fetchone()
        return _resource(row) if row else None

    def find_all(
        self, kind: str | None = None, group: str | None = None, naming: str = ""
    ) -> list[Resource]:
        """Resources in the order of their creation.

        Args:
            kind: type; any when None.
            group: resource group; any when None.
            naming: an id that the document must hold somewhere, in whatever case; any when "".
        """
        rows = self._db.execute(
            "select id, type, body, hidden from resources where (?1 is null or type = ?1) "
            "and (?2 is null or grp = ?2) and (?3 = '' or instr(lower(body), ?3)) order by made",
            (
                kind,
                group.lower() if group is not None else None,
                json.dumps(naming)[1:-1].lower(),
            ),
        )
        return [_resource(row) for row in rows]

    def put(self, resource: Resource) -> None:
        """Write a resource; one that exists keeps its place in lists."""
        self._db.execute(
            "insert into resources values (?1, ?2, ?3, ?4, ?5, ?6, "
            "(select coalesce(max(made), 0) + 1 from resources)) "
            "on conflict (key) do update set body = ?5, hidden = ?6",
            (
                resource.id.lower(),
                resource.id,
                resource.type,
                resource.group.lower(),
                json.dumps(resource.body),
                json.dumps(resource.hidden),
            ),
        )

    def delete(self, resource_id: str) -> None:
        """Forget a resource."""
        self._db.execute("delete from resources where key = ?", (resource_id.lower(),))

    def meta(self, key: str, default: str = "") -> str:
        """A setting of the cloud itself."""
        row = self._db.execute("select value from meta where key = ?", (key,)).fetchone()
        return str(row[0]) if row else default

    def set_meta(self, key: str, value: str) -> None:
        """Write a setting of the cloud itself."""
        self._db.execute("insert or replace into meta values (?, ?)", (key, value))

    def execute(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Run a statement on a table that another module owns (operations, meter)."""
        return self._db.execute(statement, values).fetchall()

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call `callback` once what was written so far is safe; forget it on rollback."""
        self._after_commit.append(callback)

    def commit(self) -> None:
        """Make everything written since the last commit survive the process."""
        self._db.commit()
        callbacks, self._after_commit = self._after_commit, []
        for callback in callbacks:
            callback()

    def rollback(self) -> None:
        """Undo everything written since the last commit."""
        self._db.rollback()
        self._after_commit.clear()

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _resource(row: tuple[str, str, str, str]) -> Resource:
    return Resource(row[0], row[1], json.loads(row[2]), json.loads(row[3]))
