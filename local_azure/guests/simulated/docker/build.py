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

from local_azure.guests.simulated.docker import images
from local_azure.guests.simulated.docker.dockerfile import Stage, Step, parse
from local_azure.guests.simulated.docker.draft import Content, Draft, configure, moved
from local_azure.guests.simulated.docker.model import Cached, Image
from local_azure.guests.simulated.docker.pull import pull
from local_azure.guests.simulated.docker.views import moment
from local_azure.guests.simulated.files import GuestFiles, normalise
from local_azure.guests.simulated.running import ProgramError, Run
from local_azure.oci.content import digest_of, make_config
from local_azure.oci.references import parse_reference

MIB = 1 << 20
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
    labels: dict[str, str] = field(default_factory=dict)
    is_without_cache: bool = False


class Build:
    """One run of `docker build`.

    Args:
        run: the program's run.
        recipe: what to build.
    """

    def __init__(self, run: Run, recipe: Recipe) -> None:
        self._run, self._recipe = run, recipe
        self._daemon = run.guest.docker
        self._stages: dict[str, Draft] = {}
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
        draft = Draft("", clock.now())
        for number, stage in enumerate(stages):
            draft = await self._make_stage(stage)
            self._stages[stage.name or str(number)] = self._stages[str(number)] = draft
        return self._keep(draft)

    def _read_dockerfile(self) -> str:
        self._say("[internal] load build definition from Dockerfile")
        try:
            return self._host(self._recipe.dockerfile).read_text()
        except OSError as error:
            raise ProgramError(
                "ERROR: failed to build: failed to solve: failed to read dockerfile: open"
                f" {self._recipe.dockerfile.rpartition('/')[2]}: {(error.strerror or '').lower()}"
            ) from None

    async def _make_stage(self, stage: Stage) -> Draft:
        draft = await self._base(stage.base)
        for step in stage.steps:
            self._say(f"{step.name} {step.text.splitlines()[0] if step.text else ''}")
            content = await self._content(step)
            draft.key = _key(draft.key, step.name, step.text, content.key)
            draft.history.append(f"{step.name} {step.text}")
            if step.name in ("RUN", "COPY", "ADD"):
                size = RUN_BYTES if step.name == "RUN" else content.size_bytes
                draft.add_layer(content, size)
            await self._spend(step, draft)
            configure(draft.config, step)
        return draft

    async def _base(self, name: str) -> Draft:
        """The image of a FROM: a stage, an image that is there, or one that is pulled."""
        if name in self._stages:
            return self._stages[name].copy()
        if name == SCRATCH:
            return Draft(SCRATCH, self._run.guest.clock.now())
        self._say(f"[internal] load metadata for {name}")
        image = await self._image(name)
        blobs = {e.digest: self._daemon.engine.blob(e.digest) for e in image.layers}
        return Draft(image.id, image.created, [*image.layers], blobs, [*image.files],
                     dict(image.config), [f"FROM {name}"])  # fmt: skip

    async def _image(self, name: str) -> Image:
        image = images.find(self._daemon, name)
        if image:
            return image
        try:
            return await pull(self._run, name, is_quiet=True)
        except ProgramError as error:
            reason = str(error).removeprefix("Error response from daemon: ")
            raise ProgramError(
                f"ERROR: failed to build: failed to solve: {name}: failed to resolve source"
                f" metadata: {reason}"
            ) from None

    async def _content(self, step: Step) -> Content:
        """What a COPY or ADD brings; nothing for other steps."""
        if step.name not in ("COPY", "ADD"):
            return Content()
        words = [word for word in step.words if not word.startswith("--")]
        images_named = [word for word in step.words if word.startswith("--from=")]
        if images_named:
            return await self._content_of_image(images_named[0].removeprefix("--from="), words)
        if "<<" in step.text:
            return Content(_key(step.text))
        if len(words) < 2:  # noqa: PLR2004 # source and target
            raise ProgramError(f"ERROR: failed to solve: {step.name} requires two arguments")
        found = [self._digest_source(word) for word in words[:-1] if "://" not in word]
        return Content(_key(*found))

    async def _content_of_image(self, name: str, words: list[str]) -> Content:
        """The files that `COPY --from` takes out of an image or stage."""
        other: Draft | Image = self._stages[name] if name in self._stages else (
            await self._image(name)
        )  # fmt: skip
        key = other.key if isinstance(other, Draft) else other.id
        files = [moved(file, source, words[-1]) for source in words[:-1] for file in other.files]
        size = min(COPIED_BYTES, other.size_bytes)
        return Content(key, size, tuple(file for file in files if file))

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
        return _key(*(digest_tree(path) for path in found))

    async def _spend(self, step: Step, draft: Draft) -> None:
        """Take a step's time unless it is cached; fail where a RUN must fail."""
        if failing := FAILING.match(step.text) if step.name == "RUN" else None:
            raise ProgramError(
                f'ERROR: failed to build: failed to solve: process "/bin/sh -c {step.text}" did not'
                f" complete successfully: exit code: {failing.group(1) or 1}"
            )
        cache, clock = self._daemon.engine.cache, self._run.guest.clock
        if draft.key in cache and not self._recipe.is_without_cache:
            self._run.complain(f"#{self._number} CACHED")
        else:
            await clock.sleep_until(clock.now() + self._step_seconds)
            self._run.guest.check_space()
            cache[draft.key] = Cached(draft.size_bytes, clock.now())
        draft.created = cache[draft.key].created

    def _keep(self, draft: Draft) -> Image:
        if self._recipe.labels:
            draft.config["Labels"] = {**(draft.config.get("Labels") or {}), **self._recipe.labels}
        config = make_config(draft.config, draft.layers, moment(draft.created), draft.history)
        fresh = Image(
            id=digest_of(config),
            references=[],
            digests=[],
            created=draft.created,
            layers=draft.layers,
            files=draft.files,
            config=draft.config,
        )
        image = self._daemon.engine.keep(fresh, {**draft.blobs, fresh.id: config})
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


def _key(*parts: str) -> str:
    """A key that stands for texts."""
    return digest_of("\0".join(parts).encode())


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
