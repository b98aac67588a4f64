"""Phases on the registry: made, filled from a worker or by Azure's own builders, drawn from.

The registry is a shorter path, never a condition: a pool whose registry can't be asked builds its
image as if there were none.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from prefect.logging import get_run_logger

from tasks.guests import COMMAND_SECONDS, IMAGE_SECONDS, built_image
from tasks.phase import phase_task
from tasks.session import Session, current
from vmpool.arm import registry
from vmpool.arm.clients import Cloud
from vmpool.arm.registry import TOKEN_USER, ContainerRegistry, exchange, opened
from vmpool.arm.survey import LATEST, base_digests, in_registry
from vmpool.errors import PermanentError, VmPoolError
from vmpool.guest import docker
from vmpool.guest.login import logged_in
from vmpool.guest.shell import Shell
from vmpool.model import Phase
from vmpool.naming import BAKE_POOL
from vmpool.reference import Reference

CREATE_SECONDS = 600.0
"""Cloud seconds for Azure to make a registry; it takes some ten (az's recordings)."""


@dataclass(frozen=True)
class Limits:
    """Wall seconds for a command that only asks, and for one that moves an image."""

    command: float
    image: float


@phase_task(Phase.CREATE_REGISTRY)
async def create_registry(worker: str, region: str) -> ContainerRegistry:
    """Have a registry; one that exists is kept, wherever it is.

    Args:
        worker: the pool's name, as this is a phase of the whole pool.
        region: where it is made.
    """
    session = current()
    found: ContainerRegistry | None = await session.call(registry.find_registry, session.cloud)
    if found and found.is_usable:
        session.recorder.note(worker, Phase.CREATE_REGISTRY, "was there")
        return found
    if found is None:
        await session.commit(registry.begin_registry, session.cloud, region)

    async def check() -> ContainerRegistry | None:
        made = await session.call(registry.find_registry, session.cloud)
        return made if made and made.is_usable else None

    made = await session.until(
        check, every_seconds=5, within_seconds=CREATE_SECONDS, what="the registry"
    )
    session.recorder.note(worker, Phase.CREATE_REGISTRY, f"{made.name} made")
    return made


@phase_task(Phase.PUSH_IMAGE)
async def push_image(worker: str, target: ContainerRegistry) -> str:
    """Push the built image, unless the registry has this very one.

    Args:
        worker: a running worker that has it.
        target: where to.

    Returns:
        Its digest in the registry.

    Raises:
        PermanentError: the worker has no such image.
    """
    session, shell = current(), current().shell(worker)
    limits, name = _limits(session), built_image(session)
    own = await session.call(docker.image_id, shell, name, limits.command)
    if not own:
        raise PermanentError(f"{worker} has no {name}: oa-vm pool-resume builds it")
    wanted = in_registry(target, name)
    digest = await session.call(_same, session.cloud, target, wanted, own)
    if digest:
        session.recorder.note(worker, Phase.PUSH_IMAGE, "was there")
        return digest
    token = await session.call(exchange, session.cloud, target)
    await session.call(_push, shell, wanted, name, token, limits)
    pushed: str = await session.call(
        docker.repo_digest, shell, name, wanted.familiar, limits.command
    )
    session.recorder.note(worker, Phase.PUSH_IMAGE, f"{wanted.repository}:{wanted.tag} pushed")
    return pushed


def _same(cloud: Cloud, target: ContainerRegistry, wanted: Reference, own: str) -> str:
    """Digest that the registry has the image under, "" if it has none or another.

    Docker names an image by its configuration's digest, or by its manifest's, as it is set up.
    """
    with opened(cloud, target) as contents:
        digest = contents.digest(wanted)
        if not digest or own == digest:
            return digest
        return digest if contents.config(wanted)[0] == own else ""


def _push(shell: Shell, wanted: Reference, name: str, token: str, limits: Limits) -> None:
    with logged_in(shell, wanted.host, TOKEN_USER, token, limits.command) as login:
        for tag in (wanted.tag, LATEST):
            target = f"{wanted.name}:{tag}"
            docker.tag(shell, name, target, limits.command)
            docker.push(shell, target, login, limits.image)


@dataclass(frozen=True)
class Offer:
    """The built image as the registry has it.

    Attributes:
        source: the registry.
        image: its name there.
        digest: by which it is pulled.
    """

    source: ContainerRegistry
    image: Reference
    digest: str


async def offered() -> Offer | None:
    """What the registry has of the image that we would build; asked once per operation.

    Returns:
        None if there is no registry, if it lacks the image, or if it can't be asked.
    """
    session = current()
    if session.offer is None:
        session.offer = asyncio.ensure_future(_ask())
    found: Offer | None = await asyncio.shield(session.offer)
    return found


async def _ask() -> Offer | None:
    session = current()
    is_bake = session.pool == BAKE_POOL
    try:
        return await session.call(_offer, session.cloud, built_image(session), fresh=is_bake)
    except VmPoolError as error:
        get_run_logger().warning("The Docker image is built, not pulled: %s", error)
        return None


def _offer(cloud: Cloud, name: str, *, fresh: bool) -> Offer | None:
    """What the registry has; with `fresh` only if its base images are those of today.

    A pool takes what was proved; a bake is there to take what is new.
    """
    target = registry.find_registry(cloud)
    if target is None or not target.is_usable:
        return None
    wanted = in_registry(target, name)
    with opened(cloud, target) as contents:
        digest = contents.digest(wanted)
        if not digest or (fresh and _is_old(contents.config(wanted)[1], base_digests(cloud))):
            return None
    return Offer(target, wanted, digest)


def _is_old(config: dict[str, Any], bases: dict[str, str]) -> bool:
    labels = config.get("config", {}).get("Labels") or {}
    made_of = {label: labels.get(label, "").rpartition("@")[2] for label in bases}
    return any(made_of[label] and made_of[label] != now for label, now in bases.items())


async def draw(worker: str, offer: Offer) -> None:
    """Pull the built image by its digest, under the name that a build would give it.

    Args:
        worker: worker name.
        offer: what the registry has.

    Raises:
        CredentialsError: the registry refuses our login.
        GuestCommandError: it is not to be had, or is not what its digest says.
    """
    session, shell = current(), current().shell(worker)
    limits = _limits(session)
    token = await session.call(exchange, session.cloud, offer.source)
    await session.call(_pull, shell, offer, built_image(session), token, limits)


def _pull(shell: Shell, offer: Offer, name: str, token: str, limits: Limits) -> None:
    pinned = offer.image.at(offer.digest)
    with logged_in(shell, offer.image.host, TOKEN_USER, token, limits.command) as login:
        docker.pull(shell, pinned, limits.image, login)
    docker.tag(shell, pinned, name, limits.command)


def _limits(session: Session) -> Limits:
    return Limits(session.wall_limit(COMMAND_SECONDS), session.wall_limit(IMAGE_SECONDS))
