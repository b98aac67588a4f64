"""Builds under way: who works on which run, what came of it, where its log is.

A run's state is an operation of the cloud (`providers.registry_runs`); this module does the work
that the operation waits for. After a restart the work begins again from the same source: nothing
was pushed before all was built, and pushing the same again changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local_azure import contents
from local_azure.registries.tokens import RegistryTokens

if TYPE_CHECKING:
    from local_azure.cloud import Cloud
    from local_azure.state import Resource

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """What came of a build: the images, or why there are none."""

    images: list[dict[str, str]]
    error: str = ""


class Builds:
    """The builds of one cloud.

    Args:
        cloud: whose registries.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._outcomes: dict[str, Outcome] = {}

    def folder(self, registry: Resource) -> Path:
        """Where a registry's uploads and logs are."""
        return self._cloud.registries.folder(registry.hidden["guid"]) / "tasks"

    def log_file(self, registry: Resource, run_id: str) -> Path:
        """The log of a run."""
        return self.folder(registry) / "logs" / f"{run_id}.log"

    def begin(
        self, registry: Resource, resource: str, run_id: str, request: dict[str, Any]
    ) -> None:
        """Work on a run unless somebody does; `resource` is its operation's."""
        if resource in self._tasks or resource in self._outcomes:
            return
        task = asyncio.get_running_loop().create_task(
            self._work(registry, resource, run_id, request)
        )
        self._tasks[resource] = task
        task.add_done_callback(lambda _done: self._tasks.pop(resource, None))

    def outcome(self, resource: str) -> Outcome | None:
        """What came of a run's work, None while it goes on."""
        return self._outcomes.get(resource)

    def cancel(self, resource: str) -> None:
        """Stop working on a run."""
        if task := self._tasks.get(resource):
            task.cancel()

    async def close(self) -> None:
        """Stop all work."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(
        self, registry: Resource, resource: str, run_id: str, request: dict[str, Any]
    ) -> None:
        from local_azure.registries.agent import Agent, BuildFailedError, Job  # noqa: PLC0415 # asyncssh: 0.3 s

        disk = self.folder(registry) / "agents" / run_id
        file = self.log_file(registry, run_id)
        _fresh(disk, file)
        host = str(registry.properties["loginServer"])
        job = Job(
            run_id, host, self._token(registry, host), self._source(registry, request), request
        )
        try:
            with file.open("a", newline="") as out:
                agent = Agent(self._cloud, disk, lambda text: _append(out, text))
                outcome = Outcome(await agent.make(job))
        except BuildFailedError as error:
            outcome = Outcome([], str(error))
        except Exception:
            log.exception("run %s", run_id)
            outcome = Outcome([], "internal error")
        finally:
            await asyncio.to_thread(contents.remove, disk)
        self._outcomes[resource] = outcome
        self._cloud.operations.wake(resource)

    def _token(self, registry: Resource, host: str) -> str:
        guid, identity = registry.hidden["guid"], self._cloud.identity
        key = self._cloud.registries.key()
        tokens = RegistryTokens(self._cloud.clock, key, host, guid)
        return tokens.refresh_token(identity.tenant_id, identity.object_id)

    def _source(self, registry: Resource, request: dict[str, Any]) -> Path | None:
        folder = self.folder(registry)
        asked = str(request.get("sourceLocation", ""))
        known = {str(file.relative_to(folder)): file for file in folder.glob("source/*")}
        return known.get(asked)


def _fresh(disk: Path, log_file: Path) -> None:
    contents.remove(disk)
    log_file.parent.mkdir(parents=True, exist_ok=True)
    log_file.write_bytes(b"")


def _append(out: Any, text: str) -> None:
    out.write(text)
    out.flush()
