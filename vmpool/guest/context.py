"""The build context of the image that runs Windows with WAA: ours, in `vmpool/guest/waa/`.

Its digest names the image, so that any change of a file or of a base image is another image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

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


def docker_image_name(settings: Settings) -> str:
    """Name of the image that is built; any change of the context or a base image is another."""
    return image_name(settings.waa_image, build_arguments(settings))


def _digest(parts: Iterable[str | bytes]) -> str:
    total = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode()
        total.update(len(data).to_bytes(8, "big") + data)
    return total.hexdigest()
