"""Which way a worker went to ready, told from what its phases did: cold, image, warm, hot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from vmpool.model import Phase
from vmpool.timing import Span

UP_FLOWS = ("pool-create", "pool-resume")
"""Flows that bring workers to ready; runs of every other flow are compared under its name."""
IMAGE_NOTE, WINDOWS_NOTE = "golden image", "with Windows"
"""How `create-vm` says what the disk was made from; `image_note` puts them together."""
REGISTRY_NOTE, THERE_NOTE = "from registry", "was there"
"""How the Docker phases say that they pulled the built image, or had nothing to do."""
RUNNING_NOTE = "was running"
"""How `start-waa` says that it had nothing to do."""


class Scenario(StrEnum):
    """A way to ready, the longest first."""

    COLD = "cold"
    """A new VM of bare Ubuntu: Docker installed, base images pulled, the image built."""
    REGISTRY = "cold, registry"
    """A new VM of bare Ubuntu, the built image pulled from a registry."""
    IMAGE = "image"
    """A new VM of a golden image without Windows: no Docker phases."""
    IMAGE_WINDOWS = "image, Windows"
    """A new VM of a golden image whose Windows is installed: a warm boot."""
    WARM = "warm"
    """A deallocated VM."""
    HOT = "hot"
    """A running VM whose container was stopped."""


GOAL_MINUTES: dict[Scenario, float] = {
    Scenario.COLD: 42,
    Scenario.REGISTRY: 37,
    Scenario.IMAGE: 15,
    Scenario.IMAGE_WINDOWS: 10,
    Scenario.WARM: 5,
    Scenario.HOT: 2,
}
"""What the whole way is compared with: 42 and 37 are what it takes by hand, the rest are goals."""


GOAL, BY_HAND = "goal", "by hand"
AIMS = (BY_HAND, GOAL)
FROM_BARE = (Scenario.COLD, Scenario.REGISTRY)
FROM_IMAGE = (Scenario.IMAGE, Scenario.IMAGE_WINDOWS)
"""Ways that begin with a new VM."""


def image_note(name: str, *, has_windows: bool) -> str:
    """What `create-vm` notes of the golden image that it took."""
    windows = f" {WINDOWS_NOTE}" if has_windows else ""
    return f"{IMAGE_NOTE} {name}{windows}"


def classify(spans: Iterable[Span]) -> Scenario | None:
    """The way of one worker.

    Args:
        spans: all of its phases in one run.

    Returns:
        None if it did not become ready, was ready already, or went a way that is none of these:
        one that continues a cut-off run, for example.
    """
    did = {span.phase: span.detail for span in spans if span.ended and not span.error}
    if Phase.OPEN_TUNNEL not in did:
        return None
    pulled, built = did.get(Phase.PULL_IMAGE, ""), did.get(Phase.BUILD_IMAGE, "")
    has_image = built == THERE_NOTE
    if Phase.CREATE_VM in did:
        return _created(did[Phase.CREATE_VM], pulled, has_image=has_image)
    if not has_image or pulled != THERE_NOTE:
        return None
    if Phase.START_VM in did:
        return Scenario.WARM
    return None if did.get(Phase.START_WAA) == RUNNING_NOTE else Scenario.HOT


def _created(source: str, pulled: str, *, has_image: bool) -> Scenario:
    if pulled.startswith(REGISTRY_NOTE):
        return Scenario.REGISTRY
    if not has_image:
        return Scenario.COLD
    return Scenario.IMAGE_WINDOWS if source.endswith(WINDOWS_NOTE) else Scenario.IMAGE


def possible(spans: Iterable[Span]) -> tuple[Scenario, ...]:
    """Ways that a worker's phases so far leave open.

    Args:
        spans: its phases in a run, those that run among them; or the pool's own, which come first.
    """
    seen = tuple(spans)
    begun = {span.phase for span in seen}
    if not begun & {Phase.FIND_CAPACITY, Phase.CREATE_NETWORK, Phase.CREATE_VM}:
        return (Scenario.WARM,) if Phase.START_VM in begun else (Scenario.HOT,)
    did = {span.phase: span.detail for span in seen if span.ended and not span.error}
    found: tuple[Scenario, ...] = FROM_BARE + FROM_IMAGE
    pulled = did.get(Phase.PULL_IMAGE)
    if pulled is not None and pulled.startswith(REGISTRY_NOTE):
        return (Scenario.REGISTRY,)
    if pulled is not None:
        found = FROM_IMAGE if pulled == THERE_NOTE else (Scenario.COLD,)
    source = did.get(Phase.CREATE_VM)
    if source is not None and len(found) > 1:
        found = tuple(way for way in found if way in _from(source))
    return found


def _from(source: str) -> tuple[Scenario, ...]:
    """Ways of a new VM by what its disk was made from; an image may prove too old to spare them."""
    if not source.startswith(IMAGE_NOTE):
        return FROM_BARE
    return (FROM_IMAGE[source.endswith(WINDOWS_NOTE)],)


def scenarios(flow: str, pool: str, spans: Sequence[Span]) -> dict[str, str]:
    """What each worker's phases are compared with, and those of the pool as a whole.

    Args:
        flow: the flow's name.
        pool: the pool's name, under which its own phases stand.
        spans: all spans of the run.

    Returns:
        By worker the scenario, for a flow that is no way to ready its name, "" for neither. The
        pool as a whole went the longest way of its workers.
    """
    names = {pool, *(span.worker for span in spans)}
    if flow not in UP_FLOWS:
        return dict.fromkeys(names, flow)
    ways = {name: classify(span for span in spans if span.worker == name) for name in names}
    longest = next((way for way in Scenario if way in ways.values()), None)
    return {name: str(way or "") for name, way in ways.items()} | {pool: str(longest or "")}


def order(scenario: str) -> tuple[int, str]:
    """Sorts scenarios from the longest to the shortest, other flows after them."""
    known = [str(way) for way in Scenario]
    return (known.index(scenario) if scenario in known else len(known), scenario)


def goal_minutes(scenario: str) -> float | None:
    """What a scenario is compared with, None for another flow."""
    return GOAL_MINUTES.get(Scenario(scenario)) if scenario in set(Scenario) else None


@dataclass(frozen=True)
class Aim:
    """What a whole run is compared with.

    Attributes:
        minutes: how long.
        word: what that is: `goal` or `by hand`.
    """

    minutes: float
    word: str

    @property
    def seconds(self) -> float:
        """The same in seconds."""
        return self.minutes * 60


def aim_of(scenario: str) -> Aim | None:
    """The same with the word for it: from bare Ubuntu it is the figure of a set-up by hand."""
    minutes = goal_minutes(scenario)
    if minutes is None:
        return None
    return Aim(minutes, BY_HAND if scenario in FROM_BARE else GOAL)
