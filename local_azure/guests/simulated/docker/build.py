"""`docker build`: steps of a Dockerfile against a context folder, with a cache.

RUN steps are not run: they take their time and always succeed, except `false` and `exit N`. What
can be wrong with a build from our side is checked: base images, the Dockerfile, files to COPY.
The image id depends on all content; a step with the same content before it costs nothing.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local_azure.guests.simulated.docker import images
from local_azure.guests.simulated.docker.dockerfile import Stage, Step, parse
from local_azure.guests.simulated.docker.model import Image
from local_azure.guests.simulated.docker.references import parse_reference
from local_azure.guests.simulated.docker.registry import MIB, digest_of
from local_azure.guests.simulated.files import GuestFiles, normalise
from local_azure.guests.simulated.running import ProgramError, Run

FAILING = re.compile(r"^(?:/bin/)?false$|^exit (\d+)$")
RUN_BYTES = 40 * MIB
"""What a RUN step is taken to add."""
COPIED_BYTES = 200 * MIB
"""What a COPY from another image is taken to add, at most."""
SCRATCH = "scratch"


@dataclass
class Recipe:
    """What to build.

    Attributes:
        context: guest path of the context folder.
        dockerfile: guest path of the Dockerfile.
        tags: references to give.
        arguments: `--build-arg`s.
        is_without_cache: `--no-cache`.
    """

    context: str
    dockerfile: str
    tags: list[str]
    arguments: dict[str, str] = field(default_factory=dict)
    is_without_cache: bool = False


@dataclass
class Layers:
    """An image in the making."""

    key: str
    size_bytes: int
    layers: list[str]
    lineage: list[str]
    config: dict[str, Any]


class Build:
    """One run of `docker build`.

    Args:
        run: the program's run.
        recipe: what to build.
    """

    def __init__(self, run: Run, recipe: Recipe) -> None:
        self._run, self._recipe = run, recipe
        self._daemon = run.guest.docker
        self._stages: dict[str, Layers] = {}
        self._number = 0
        self._step_seconds = 0.0

    async def make(self) -> Image:
        """Build, tag and keep the image.

        Raises:
            ProgramError: in BuildKit's words.
        """
        stages = parse(self._read_dockerfile(), self._recipe.arguments)
        steps = sum(len(stage.steps) for stage in stages)
        self._step_seconds = self._run.guest.durations.docker_build / max(1, steps)
        clock = self._run.guest.clock
        await clock.sleep_until(clock.now() + self._run.guest.durations.docker_build_known)
        layers = Layers("", 0, [], [], {})
        for number, stage in enumerate(stages):
            layers = await self._make_stage(stage)
            self._stages[stage.name or str(number)] = self._stages[str(number)] = layers
        return self._keep(layers)

    def _read_dockerfile(self) -> str:
        self._say("[internal] load build definition from Dockerfile")
        try:
            return self._host(self._recipe.dockerfile).read_text()
        except OSError as error:
            raise ProgramError(
                "ERROR: failed to build: failed to solve: failed to read dockerfile: open"
                f" {self._recipe.dockerfile.rpartition('/')[2]}: {(error.strerror or '').lower()}"
            ) from None

    async def _make_stage(self, stage: Stage) -> Layers:
        layers = await self._base(stage.base)
        for step in stage.steps:
            self._say(f"{step.name} {step.text.splitlines()[0] if step.text else ''}")
            content = await self._content(step, layers)
            layers.key = digest_of(layers.key, step.name, step.text, content)
            await self._spend(step, layers)
            _configure(layers.config, step)
        return layers

    async def _base(self, name: str) -> Layers:
        """The image of a FROM: a stage, an image that is there, or one that is pulled."""
        if name in self._stages:
            stage = self._stages[name]
            return Layers(stage.key, stage.size_bytes, [*stage.layers], [*stage.lineage],
                          dict(stage.config))  # fmt: skip
        if name == SCRATCH:
            return Layers(SCRATCH, 0, [], [], {})
        self._say(f"[internal] load metadata for {name}")
        image = await self._image(name)
        return Layers(image.id, image.size_bytes, [*image.layers], [*image.lineage],
                      dict(image.config))  # fmt: skip

    async def _image(self, name: str) -> Image:
        image = images.find(self._daemon, name)
        if image:
            return image
        try:
            return await images.pull(self._run, name, is_quiet=True)
        except ProgramError as error:
            reason = str(error).removeprefix("Error response from daemon: ")
            raise ProgramError(
                f"ERROR: failed to build: failed to solve: {name}: failed to resolve source"
                f" metadata: {reason}"
            ) from None

    async def _content(self, step: Step, layers: Layers) -> str:
        """What a COPY or ADD brings, as a digest; "" for other steps."""
        if step.name not in ("COPY", "ADD"):
            return ""
        words = [word for word in step.words if not word.startswith("--")]
        sources = [word for word in step.words if word.startswith("--from=")]
        if sources:
            return await self._content_of_image(sources[0].removeprefix("--from="), layers)
        if "<<" in step.text:
            return digest_of(step.text)
        if len(words) < 2:  # noqa: PLR2004 # source and target
            raise ProgramError(f"ERROR: failed to solve: {step.name} requires two arguments")
        found = [self._digest_source(word) for word in words[:-1] if "://" not in word]
        return digest_of(*found)

    async def _content_of_image(self, name: str, layers: Layers) -> str:
        if name in self._stages:
            other = self._stages[name]
            layers.lineage += [each for each in other.lineage if each not in layers.lineage]
            return other.key
        image = await self._image(name)
        layers.lineage += [each for each in image.lineage if each not in layers.lineage]
        layers.size_bytes += min(COPIED_BYTES, image.size_bytes)
        return image.id

    def _digest_source(self, source: str) -> str:
        """Digest of a file, a folder, or a pattern in the context."""
        root = self._host(self._recipe.context)
        inner = normalise(source)
        if any(mark in inner for mark in "*?["):
            found = sorted(path for path in root.glob(inner[1:]) if not path.is_symlink())
        else:
            path = GuestFiles(root, None).host(inner)
            found = [path] if path.exists() else []
        if not found:
            raise ProgramError(
                "ERROR: failed to build: failed to solve: failed to compute cache key: failed to"
                f' calculate checksum of ref: "{inner}": not found'
            )
        return digest_of(*(digest_tree(path) for path in found))

    async def _spend(self, step: Step, layers: Layers) -> None:
        """Take a step's time unless it is cached; fail where a RUN must fail."""
        if failing := FAILING.match(step.text) if step.name == "RUN" else None:
            raise ProgramError(
                f'ERROR: failed to build: failed to solve: process "/bin/sh -c {step.text}" did not'
                f" complete successfully: exit code: {failing.group(1) or 1}"
            )
        engine = self._daemon.engine
        if layers.key in engine.cache and not self._recipe.is_without_cache:
            self._run.complain(f"#{self._number} CACHED")
        else:
            clock = self._run.guest.clock
            await clock.sleep_until(clock.now() + self._step_seconds)
            self._run.guest.check_space()
        if step.name in ("RUN", "COPY", "ADD"):
            layers.layers.append(layers.key)
            layers.size_bytes += RUN_BYTES if step.name == "RUN" else 0
        engine.cache[layers.key] = layers.size_bytes

    def _keep(self, layers: Layers) -> Image:
        fresh = Image(
            id=digest_of("image", layers.key),
            references=[],
            digests=[],
            size_bytes=layers.size_bytes,
            created=self._run.guest.clock.now(),
            layers=layers.layers,
            lineage=layers.lineage,
            config=layers.config,
        )
        image = self._daemon.engine.images.setdefault(fresh.id, fresh)
        for name in self._recipe.tags:
            images.tag(self._daemon, image, parse_reference(name))
        self._daemon.save()
        self._say(f"exporting to image: writing image {image.id}")
        return image

    def _host(self, path: str) -> Path:
        self._run.guest.accounts.check_read(self._run.user, path)
        return self._run.guest.files.host(path)

    def _say(self, text: str) -> None:
        self._number += 1
        self._run.complain(f"#{self._number} {text}")


def digest_tree(path: Path) -> str:
    """Digest of a file or of everything in a folder; links are not followed."""
    total = hashlib.sha256()
    if path.is_file():
        total.update(path.read_bytes())
    for parent, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            file = Path(parent, name)
            total.update(str(file.relative_to(path)).encode() + b"\0")
            total.update(b"link" if file.is_symlink() else file.read_bytes())
    return total.hexdigest()


def _configure(config: dict[str, Any], step: Step) -> None:
    """Instructions that only change the image's configuration."""
    if step.name in ("CMD", "ENTRYPOINT"):
        key = step.name.capitalize()
        config[key] = step.words if step.text.startswith("[") else ["/bin/sh", "-c", step.text]
    elif step.name == "WORKDIR":
        config["WorkingDir"] = normalise(step.text, config.get("WorkingDir") or "/")
    elif step.name == "EXPOSE":
        ports: dict[str, Any] = {f"{word.removesuffix('/tcp')}/tcp": {} for word in step.words}
        config["ExposedPorts"] = {**(config.get("ExposedPorts") or {}), **ports}
    elif step.name == "ENV":
        pairs = step.words if "=" in step.words[0] else ["=".join(step.text.split(None, 1))]
        names = {pair.partition("=")[0] for pair in pairs}
        kept = [pair for pair in config.get("Env") or [] if pair.partition("=")[0] not in names]
        config["Env"] = kept + pairs
    elif step.name == "LABEL":
        labels = dict(word.partition("=")[::2] for word in step.words)
        config["Labels"] = {**(config.get("Labels") or {}), **labels}
