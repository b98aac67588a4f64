"""Images that a guest has: find, tag, remove; and what commands on images have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_azure.guests.simulated.docker.model import Image
from local_azure.guests.simulated.running import ProgramError
from local_azure.oci.references import (
    BadReferenceError,
    Reference,
    parse_reference,
)

if TYPE_CHECKING:
    from local_azure.guests.simulated.docker.daemon import Daemon

SHORT = 12
DAEMON = "Error response from daemon: "


def read_reference(text: str, code: int = 1) -> Reference:
    """A reference from a command line.

    Raises:
        ProgramError: it is not one.
    """
    try:
        return parse_reference(text)
    except BadReferenceError as error:
        raise ProgramError(f"docker: {error}", code) from None


def find(daemon: Daemon, text: str) -> Image | None:
    """An image by reference, digest, or (short) id."""
    images = daemon.engine.images.values()
    plain = text.removeprefix("sha256:")
    if len(plain) >= 4 and all(digit in "0123456789abcdef" for digit in plain):  # noqa: PLR2004 # shortest prefix
        for image in images:
            if image.id.removeprefix("sha256:").startswith(plain):
                return image
    try:
        full = parse_reference(text).full
    except BadReferenceError:
        return None
    return next((each for each in images if full in (*each.references, *each.digests)), None)


def get(daemon: Daemon, text: str) -> Image:
    """An image that has to be there.

    Raises:
        ProgramError: it is not.
    """
    image = find(daemon, text)
    if image is None:
        raise ProgramError(f"{DAEMON}No such image: {text}")
    return image


def tag(daemon: Daemon, image: Image, reference: Reference) -> None:
    """Give an image a name, taking it from the image that had it."""
    for other in daemon.engine.images.values():
        if reference.full in other.references:
            other.references.remove(reference.full)
    add(image.references, reference.full)


def remove(daemon: Daemon, text: str, *, is_forced: bool) -> list[str]:
    """Untag, and delete with the last name; what Docker prints.

    Raises:
        ProgramError: absent, or in use.
    """
    image = get(daemon, text)
    users = [each for each in daemon.engine.containers.values() if each.image_id == image.id]
    is_by_id = image.id.removeprefix("sha256:").startswith(text.removeprefix("sha256:"))
    full = "" if is_by_id else read_reference(text).full
    names = [*image.references] if is_by_id else [n for n in image.references if n == full]
    is_last = len(names) == len(image.references)
    if users and is_last and (not is_forced or any(each.is_running for each in users)):
        raise ProgramError(
            f"{DAEMON}conflict: unable to remove repository reference"
            f' "{text}" (must force) - container {users[0].id[:SHORT]} is using its referenced'
            f" image {image.id[7 : 7 + SHORT]}"
        )
    image.references = [name for name in image.references if name not in names]
    lines = [f"Untagged: {parse_reference(name).familiar}" for name in names]
    if is_last:
        del daemon.engine.images[image.id]
        lines.append(f"Deleted: {image.id}")
    daemon.save()
    return lines


def add(names: list[str], name: str) -> None:
    """Add a name that may be there."""
    if name not in names:
        names.append(name)


def need(words: list[str], name: str, count: int) -> None:
    """Refuse a command without exactly so many words.

    Raises:
        ProgramError: in Docker's words.
    """
    if len(words) != count:
        raise ProgramError(f"{name}: requires {count} argument{'s' * (count > 1)}")
