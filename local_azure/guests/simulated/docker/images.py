"""Images of a guest: find, pull, tag, remove, push.

A pull takes time and prints Docker's progress; it counts only when it has ended. Pushed images are
kept with the engine that pushed them: a registry shared between VMs is not part of a guest.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from local_azure.guests.simulated import space
from local_azure.guests.simulated.docker import credentials, registry
from local_azure.guests.simulated.docker.model import Image
from local_azure.guests.simulated.docker.references import (
    BadReferenceError,
    Reference,
    parse_reference,
)
from local_azure.guests.simulated.running import ProgramError, Run

if TYPE_CHECKING:
    from local_azure.guests.simulated.docker.daemon import Daemon

SHORT = 12
DAEMON = "Error response from daemon: "
_pulls: dict[tuple[str, str], asyncio.Lock] = {}


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


async def pull(run: Run, text: str, *, is_quiet: bool = False) -> Image:
    """Pull an image, waiting for a pull of the same one that is under way.

    Raises:
        ProgramError: in Docker's words.
    """
    daemon, reference = run.guest.docker, read_reference(text)
    is_logged_in = credentials.is_known(run, reference.registry)
    pushed = daemon.engine.images.get(daemon.engine.pushed.get(reference.full, ""))
    if pushed:
        _add(pushed.references, reference.full)
        daemon.save()
        return pushed
    remote = registry.look_up(reference, is_logged_in=is_logged_in)
    lock = _pulls.setdefault((run.guest.spec.vm_id, remote.id), asyncio.Lock())
    async with lock:
        if not is_quiet:
            run.say(f"{reference.tag or reference.digest}: Pulling from {_path(reference)}")
        known = daemon.engine.images.get(remote.id)
        if known is None:
            await _download(run, remote, is_quiet=is_quiet)
        else:
            clock = run.guest.clock
            await clock.sleep_until(clock.now() + run.guest.durations.docker_pull_known)
        image = daemon.engine.images.setdefault(remote.id, _image(run, reference, remote))
        _name(daemon, image, reference, remote)
        daemon.save()
    if not is_quiet:
        state = "Image is up to date" if known else "Downloaded newer image"
        run.say(f"Digest: {remote.digest}")
        run.say(f"Status: {state} for {reference.familiar}:{reference.tag or remote.digest}")
    run.say(reference.full)
    return image


async def _download(run: Run, remote: registry.Remote, *, is_quiet: bool) -> None:
    """Let the time pass, layer by layer, and refuse what does not fit on the disk."""
    guest = run.guest
    began, names = guest.clock.now(), [digest[7 : 7 + SHORT] for digest in remote.layers]
    whole = guest.durations.docker_pull * remote.share
    if not is_quiet:
        for name in names:
            run.say(f"{name}: Pulling fs layer")
    for number, name in enumerate(names, 1):
        await guest.clock.sleep_until(began + whole * number / len(names))
        _check_room(run, remote)
        if not is_quiet:
            run.say(f"{name}: Pull complete")


def _check_room(run: Run, remote: registry.Remote) -> None:
    disk = space.disk_of(run.guest, run.guest.docker.root)
    if disk.available < remote.size_bytes:
        raise ProgramError(
            f"failed to register layer: write {run.guest.docker.root}: no space left on device"
        )


def _image(run: Run, reference: Reference, remote: registry.Remote) -> Image:
    return Image(
        id=remote.id,
        references=[],
        digests=[],
        size_bytes=remote.size_bytes,
        created=run.guest.clock.now(),
        layers=remote.layers,
        lineage=[reference.name],
        config=remote.config,
    )


def _name(daemon: Daemon, image: Image, reference: Reference, remote: registry.Remote) -> None:
    if reference.tag:
        tag(daemon, image, reference)
    _add(image.digests, f"{reference.name}@{remote.digest}")


def tag(daemon: Daemon, image: Image, reference: Reference) -> None:
    """Give an image a name, taking it from the image that had it."""
    for other in daemon.engine.images.values():
        if reference.full in other.references:
            other.references.remove(reference.full)
    _add(image.references, reference.full)


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


def _path(reference: Reference) -> str:
    return reference.repository


def _add(names: list[str], name: str) -> None:
    if name not in names:
        names.append(name)
