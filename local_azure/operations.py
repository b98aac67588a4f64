"""Long-running operations: a list of dated steps each, kept on disk, driven by the cloud's clock.

A provider registers what each step does; the engine decides when. An operation ends with its last
step, or with the first step that raises. A step that depends on work outside the records (bytes to
be copied) waits for it when it is due. Operations that were running when the server died go on at
the step that is due. Refuses to know any resource: a step gets the resource's id.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from local_azure.clock import Timer
from local_azure.errors import PREEMPTED, AzureError
from local_azure.moments import iso

if TYPE_CHECKING:
    from local_azure.cloud import Cloud

RUNNING, SUCCEEDED, FAILED, CANCELED = "InProgress", "Succeeded", "Failed", "Canceled"
SOON_SECONDS = 3600.0


@dataclass
class Operation:
    """One long-running operation.

    Attributes:
        kind: registered name, e.g. `vm.start`.
        resource: id of what it works on; of another operation while it waits for that one's end.
        location: region, part of its URL.
        started: cloud time.
        steps: what happens when: (cloud time, registered step name), in order.
        data: what the steps need to know.
        id: GUID.
        is_stuck: a fault holds it for ever.
        failure: error code and message that a fault wants at the last step.
        status: InProgress, Succeeded, Failed, Canceled.
        ended: cloud time.
        error: `error` object when it failed.
    """

    kind: str
    resource: str
    location: str
    started: float
    steps: list[tuple[float, str]]
    data: dict[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    is_stuck: bool = False
    failure: dict[str, str] | None = None
    status: str = RUNNING
    ended: float | None = None
    error: dict[str, Any] | None = None

    def document(self) -> dict[str, Any]:
        """The body of a status poll, as Microsoft.Compute shows it."""
        document: dict[str, Any] = {"startTime": iso(self.started)}
        if self.ended is not None:
            document["endTime"] = iso(self.ended)
        document["status"] = self.status
        if self.error:
            document["error"] = self.error
        return document | {"name": self.id}


Step = Callable[["Cloud", Operation, float], None]
"""(cloud, operation, cloud time at which the step was due)."""
_steps: dict[tuple[str, str], Step] = {}
Ready = Callable[["Cloud", Operation], bool]
"""Whether the work that a step depends on is done."""
_ready: dict[tuple[str, str], Ready] = {}


def step(kind: str, name: str) -> Callable[[Step], Step]:
    """Decorate what happens at the step `name` of operations of `kind`.

    A step named `failed` runs when the operation failed; one named `preempted` when a more recent
    operation took its place.
    """

    def keep(function: Step) -> Step:
        _steps[kind, name] = function
        return function

    return keep


def ready(kind: str, name: str) -> Callable[[Ready], Ready]:
    """Decorate what tells whether the step `name` may run; who does the work calls `wake`."""

    def keep(function: Ready) -> Ready:
        _ready[kind, name] = function
        return function

    return keep


class Operations:
    """All operations of one cloud.

    Args:
        cloud: whose resources the steps work on.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._timers: dict[str, Timer] = {}

    def begin(self, operation: Operation) -> Operation:
        """Keep an operation and run it; steps that are due now run before the answer goes out."""
        self._cloud.faults.apply_to(operation)
        self._save(operation)
        self._go_on(operation)
        return operation

    def find(self, operation_id: str) -> Operation | None:
        """The operation of that id, running or ended."""
        rows = self._cloud.store.execute(
            "select body from operations where id = ?", (operation_id.lower(),)
        )
        return _decode(rows[0][0]) if rows else None

    def running_on(self, resource_id: str) -> list[Operation]:
        """What runs on a resource now."""
        rows = self._cloud.store.execute(
            "select body from operations where is_running = 1 and resource = ?",
            (resource_id.lower(),),
        )
        return [_decode(row[0]) for row in rows]

    def busy_count(self) -> int:
        """How many operations have something to do soon; a timer set for tomorrow has not."""
        soon = self._cloud.clock.now() + SOON_SECONDS
        return sum(timer.due <= soon for timer in self._timers.values())

    def preempt(self, resource_id: str) -> None:
        """Cancel what runs on a resource, because a stronger operation begins."""
        for operation in self.running_on(resource_id):
            at = self._cloud.clock.now()
            self._drop_timer(operation.id)
            operation.error = {"code": "OperationPreempted", "message": PREEMPTED}
            self._end(operation, CANCELED, at)
            self._call(operation, "preempted", at)

    def wake(self, resource_id: str) -> None:
        """What a due step on a resource (or behind an operation) was waiting for is done."""
        for operation in self.running_on(resource_id):
            if operation.id not in self._timers:
                self._go_on(operation)
        self._cloud.store.commit()

    def resume_all(self) -> None:
        """Go on with everything that was running when the server stopped."""
        rows = self._cloud.store.execute("select body from operations where is_running = 1")
        for row in rows:
            operation = _decode(row[0])
            if not operation.is_stuck:
                self._arm(operation)  # also what is overdue: the clock has all in its order

    def _go_on(self, operation: Operation, *, once: bool = False) -> None:
        """Run what is due; with `once` one step, so that others whose turn it is come between."""
        now = self._cloud.clock.now()
        has_run = False
        while operation.status == RUNNING and not operation.is_stuck:
            due, name = operation.steps[0]
            if due > now or (once and has_run):
                self._cloud.store.after_commit(lambda: self._arm(operation))
                return
            may_run = _ready.get((operation.kind, name))
            if may_run and not may_run(self._cloud, operation):
                return
            self._run(operation, name, due)
            has_run = True

    def _arm(self, operation: Operation) -> None:
        if operation.id not in self._timers:
            self._timers[operation.id] = self._cloud.clock.call_at(
                operation.steps[0][0], lambda _due: self._on_due(operation.id)
            )

    def _on_due(self, operation_id: str) -> None:
        self._timers.pop(operation_id, None)
        operation = self.find(operation_id)
        if operation is None or operation.status != RUNNING:
            return
        self._go_on(operation, once=True)
        self._cloud.store.commit()

    def _run(self, operation: Operation, name: str, at: float) -> None:
        del operation.steps[0]
        is_last = not operation.steps
        try:
            if is_last and operation.failure:
                failure = operation.failure
                raise AzureError(409, failure["code"], failure["message"])  # noqa: TRY301 # a fault is told like any refusal
            self._call(operation, name, at)
        except AzureError as error:
            operation.error = error.error()
            self._end(operation, FAILED, at)
            self._call(operation, "failed", at)
            return
        if is_last:
            self._end(operation, SUCCEEDED, at)
        else:
            self._save(operation)

    def _call(self, operation: Operation, name: str, at: float) -> None:
        function = _steps.get((operation.kind, name))
        if function:
            function(self._cloud, operation, at)

    def _end(self, operation: Operation, status: str, at: float) -> None:
        operation.status, operation.ended = status, at
        self._save(operation)
        if self.running_on(operation.id):
            self._cloud.store.after_commit(lambda: self.wake(operation.id))

    def _drop_timer(self, operation_id: str) -> None:
        timer = self._timers.pop(operation_id, None)
        if timer:
            self._cloud.store.after_commit(timer.cancel)

    def _save(self, operation: Operation) -> None:
        self._cloud.store.execute(
            "insert or replace into operations values (?, ?, ?, ?)",
            (
                operation.id,
                operation.resource.lower(),
                int(operation.status == RUNNING),
                json.dumps(asdict(operation)),
            ),
        )


def _decode(body: str) -> Operation:
    fields = json.loads(body)
    fields["steps"] = [(due, name) for due, name in fields["steps"]]
    return Operation(**fields)
