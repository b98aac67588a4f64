"""docker commands on what the engine takes of the disk: system df, and the prunes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from local_azure.guests.simulated.docker import formats, views
from local_azure.guests.simulated.docker.model import Engine, weight_of
from local_azure.guests.simulated.programs.options import grammar
from local_azure.guests.simulated.running import Program, ProgramError, Run

DF = grammar("-v --verbose", "-f --format", code=125)
PRUNE = grammar("-a --all -f --force --volumes --verbose", "--filter --keep-storage", code=125)
COLUMNS = {"TYPE": "Type", "TOTAL": "TotalCount", "ACTIVE": "Active", "SIZE": "Size",
           "RECLAIMABLE": "Reclaimable"}  # fmt: skip


@dataclass(frozen=True)
class Gone:
    """What a prune removed: lines to be shown, bytes that are free now."""

    lines: list[str]
    size_bytes: int


async def df(run: Run) -> int:
    """`docker system df [--format F]`."""
    options = DF.parse("docker system df", run.arguments)
    rows = _rows(run.guest.docker.engine)
    formats.show(run, rows, COLUMNS, options.last("-f", "--format"))
    return 0


def _rows(engine: Engine) -> list[dict[str, str]]:
    used = {container.image_id for container in engine.containers.values()}
    images = list(engine.images.values())
    idle = weight_of(images) - weight_of([image for image in images if image.id in used])
    running = sum(container.is_running for container in engine.containers.values())
    return [
        _row("Images", len(images), len(used & set(engine.images)), weight_of(images), idle),
        _row("Containers", len(engine.containers), running, 0, 0),
        _row("Local Volumes", 0, 0, 0, 0),
        _row("Build Cache", len(engine.cache), 0, _cached(engine), _cached(engine)),
    ]


def _row(kind: str, total: int, active: int, size: int, idle: int) -> dict[str, str]:
    return {
        "Type": kind,
        "TotalCount": str(total),
        "Active": str(active),
        "Size": views.size_text(size),
        "Reclaimable": views.size_text(idle),
    }


def _cached(engine: Engine) -> int:
    """The cache shares its layers with images: the largest step stands for what is beside them."""
    return max((step.size_bytes for step in engine.cache.values()), default=0)


def _containers(engine: Engine, *, is_all: bool) -> Gone:  # noqa: ARG001 # every prune's form
    gone = [each for each in engine.containers.values() if not each.is_running]
    for each in gone:
        del engine.containers[each.id]
    return Gone(["Deleted Containers:", *(each.id for each in gone)] if gone else [], 0)


def _images(engine: Engine, *, is_all: bool) -> Gone:
    """Images that no container needs: those without a name, or all."""
    used = {each.image_id for each in engine.containers.values()}
    gone = [
        image
        for image in engine.images.values()
        if image.id not in used and (is_all or not image.references)
    ]
    before = weight_of(list(engine.images.values()))
    for image in gone:
        del engine.images[image.id]
    names = [name for image in gone for name in (*image.references, image.id)]
    freed = before - weight_of(list(engine.images.values()))
    return Gone(["Deleted Images:", *names] if gone else [], freed)


def _cache(engine: Engine, *, is_all: bool) -> Gone:  # noqa: ARG001 # every prune's form
    size, keys = _cached(engine), list(engine.cache)
    engine.cache.clear()
    return Gone(["Deleted build cache objects:", *keys] if keys else [], size)


def _pruner(title: str, *parts: Callable[..., Gone]) -> Program:
    async def prune(run: Run) -> int:
        options = PRUNE.parse(f"docker {title} prune", run.arguments)
        if not options.has("-f", "--force"):
            raise ProgramError(f"{title} prune has been cancelled")  # nobody answers its question
        engine = run.guest.docker.engine
        gone = [part(engine, is_all=options.has("-a", "--all")) for part in parts]
        run.guest.docker.save()
        for each in gone:
            for line in [*each.lines, ""] if each.lines else []:
                run.say(line)
        freed = views.size_text(sum(each.size_bytes for each in gone))
        run.say(f"Total:\t{freed}" if parts == (_cache,) else f"Total reclaimed space: {freed}")
        return 0

    return prune


prune_containers = _pruner("container", _containers)
prune_images = _pruner("image", _images)
prune_builder = _pruner("builder", _cache)
SYSTEM: Mapping[str, Program] = {
    "df": df,
    "prune": _pruner("system", _containers, _images, _cache),
}
