"""The build context of the image that runs Windows with WAA: ours, in `vmpool/guest/waa/`.

Its digest names the image, so that any change of a file or of a base image is another image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from vmpool.reference import Reference, parse
from vmpool.settings import Settings


@dataclass(frozen=True)
class BuildContext:
    """What `docker build` is given.

    Attributes:
        files: content by name; all in one folder.
    """

    files: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        """SHA-256 over names and contents, as hex."""
        return _digest(part for name in sorted(self.files) for part in (name, self.files[name]))


@cache
def waa_context() -> BuildContext:
    """Our own context."""
    folder = files("vmpool.guest") / "waa"
    return BuildContext({item.name: item.read_bytes() for item in folder.iterdir()})


def image_name(name: str, arguments: Mapping[str, str]) -> str:
    """Name of the image that our context makes with some build arguments.

    Args:
        name: image name; a tag in it is replaced.
        arguments: `--build-arg`s.

    Returns:
        `name:<12 hex digits>`.
    """
    slash = name.rfind("/")
    colon = name.rfind(":")
    bare = name[:colon] if colon > slash else name  # registry:5000/name has no tag
    parts = [waa_context().digest, *(f"{key}={arguments[key]}" for key in sorted(arguments))]
    return f"{bare}:{_digest(parts)[:12]}"


def build_arguments(settings: Settings) -> dict[str, str]:
    """Base images of the build."""
    return {"BASE_IMAGE": settings.base_image, "WINDOWS_IMAGE": settings.windows_image}


BASE_LABEL, WINDOWS_LABEL = "org.waa.base-image", "org.waa.windows-image"
"""Labels of the built image (see its Dockerfile): from which base images, by digest, it is."""


def base_images(settings: Settings) -> dict[str, Reference]:
    """Base images of the build, by the label that names them.

    Raises:
        UsageError: one of them is no Docker image name.
    """
    return {
        BASE_LABEL: parse(settings.base_image),
        WINDOWS_LABEL: parse(settings.windows_image),
    }


def pinned_arguments(settings: Settings, digests: Mapping[str, str]) -> dict[str, str]:
    """Base images of the build, each pinned where its digest is known.

    Args:
        settings: name them.
        digests: by the labels that name them.
    """
    bases = base_images(settings)
    named = build_arguments(settings)
    for argument, label in (("BASE_IMAGE", BASE_LABEL), ("WINDOWS_IMAGE", WINDOWS_LABEL)):
        if digests.get(label):
            named[argument] = bases[label].at(digests[label])
    return named


def docker_image_name(settings: Settings) -> str:
    """Name of the image that is built; any change of the context or a base image is another."""
    return image_name(settings.waa_image, build_arguments(settings))


def _digest(parts: Iterable[str | bytes]) -> str:
    total = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode()
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()
