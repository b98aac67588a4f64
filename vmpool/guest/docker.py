"""Docker on a VM: is it there, which images has it, pull, build. Commands only, always by sudo.

By sudo, because membership of the group `docker` counts from the next login only, and ours may be
older than the group.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from vmpool.context import BuildContext
from vmpool.errors import GuestCommandError, TransientError
from vmpool.guest.shell import Shell

DOCKER = ("sudo", "docker")
NETWORK_WORDS = (
    "timeout",
    "timed out",
    "connection reset",
    "connection refused",
    "temporary failure",
    "toomanyrequests",
    "unexpected eof",
    "tls handshake",
    "503 service unavailable",
    "502 bad gateway",
)
"""What Docker says when a registry or the way to it has a bad moment."""


def is_ready(shell: Shell, timeout_seconds: float) -> bool:
    """Whether the engine answers; a program that is not installed yet does not.

    Args:
        shell: the VM.
        timeout_seconds: wall seconds for the question.
    """
    question = [*DOCKER, "info", "--format", "{{.ServerVersion}}"]
    answer = shell.ask(question, timeout_seconds)
    return answer.is_ok and bool(answer.out.strip())


def image_id(shell: Shell, image: str, timeout_seconds: float) -> str:
    """Id of an image that the VM has, "" if it has none of that name.

    Args:
        shell: the VM.
        image: reference.
        timeout_seconds: wall seconds for the question.

    Raises:
        GuestCommandError: the engine can't be asked.
    """
    question = [*DOCKER, "image", "inspect", "--format", "{{.Id}}", image]
    answer = shell.ask(question, timeout_seconds)
    if answer.is_ok:
        return answer.out.strip()
    if "no such image" in answer.err.lower():
        return ""
    raise GuestCommandError(f"docker image inspect {image}: {answer.err.strip()}")


def pull(shell: Shell, image: str, timeout_seconds: float, login: str = "") -> None:
    """Pull an image.

    Args:
        shell: the VM.
        image: reference.
        timeout_seconds: wall seconds for all of it.
        login: folder of a login, see `vmpool.guest.login`; "" for public images.

    Raises:
        TransientError: the registry or the way to it has a bad moment.
        GuestCommandError: it is not to be had.
    """
    _over_network(shell, [*as_user(login), "pull", "--quiet", image], timeout_seconds)


def push(shell: Shell, image: str, login: str, timeout_seconds: float) -> None:
    """Push an image to the registry that its name says.

    Args:
        shell: the VM.
        image: reference.
        login: folder of a login, see `vmpool.guest.login`.
        timeout_seconds: wall seconds for all of it.

    Raises:
        TransientError: the registry or the way to it has a bad moment.
        GuestCommandError: the registry does not take it.
    """
    _over_network(shell, [*as_user(login), "push", "--quiet", image], timeout_seconds)


def tag(shell: Shell, image: str, name: str, timeout_seconds: float) -> None:
    """Give an image one more name.

    Args:
        shell: the VM.
        image: reference.
        name: the other one.
        timeout_seconds: wall seconds for the command.

    Raises:
        GuestCommandError: there is no such image.
    """
    shell.run([*DOCKER, "tag", image, name], timeout_seconds)


def repo_digest(shell: Shell, image: str, name: str, timeout_seconds: float) -> str:
    """Digest under which a registry has an image that the VM has, "" if none is known.

    Args:
        shell: the VM.
        image: reference.
        name: host and repository, as Docker writes them: without host for Docker Hub.
        timeout_seconds: wall seconds for the question.

    Raises:
        GuestCommandError: there is no such image.
    """
    found = _inspect(shell, image, "{{json .RepoDigests}}", timeout_seconds) or []
    digests = [item.partition("@") for item in found]
    return next((digest for named, _, digest in digests if named == name), "")


def labels(shell: Shell, image: str, timeout_seconds: float) -> dict[str, str]:
    """Labels of an image.

    Args:
        shell: the VM.
        image: reference.
        timeout_seconds: wall seconds for the question.

    Raises:
        GuestCommandError: there is no such image.
    """
    return _inspect(shell, image, "{{json .Config.Labels}}", timeout_seconds) or {}


def _inspect(shell: Shell, image: str, form: str, timeout_seconds: float) -> Any:
    question = [*DOCKER, "image", "inspect", "--format", form, image]
    return json.loads(shell.run(question, timeout_seconds).out)


def as_user(login: str) -> tuple[str, ...]:
    """Docker with a login; without one, as anybody."""
    return (*DOCKER, "--config", login) if login else DOCKER


def build(
    shell: Shell, context: BuildContext, tag: str, arguments: Mapping[str, str], seconds: float
) -> None:
    """Build an image from a context that is brought to the VM.

    Args:
        shell: the VM.
        context: Dockerfile and what it copies.
        tag: name of the image.
        arguments: `--build-arg`s; they are seen in the image's history: no secrets.
        seconds: wall seconds for all of it.

    Raises:
        TransientError: a registry or the way to it has a bad moment.
        GuestCommandError: the build failed; the message is Docker's.
    """
    folder = f"/tmp/waa-context-{context.digest[:12]}"  # noqa: S108 # on the VM, where only we are
    shell.run(["rm", "-rf", folder], seconds)
    shell.run(["mkdir", "-m", "700", folder], seconds)
    for name, content in context.files.items():
        shell.put(content, f"{folder}/{name}", seconds)
    given = [f"--build-arg={name}={value}" for name, value in arguments.items()]
    _over_network(shell, [*DOCKER, "build", "--tag", tag, *given, folder], seconds)
    shell.run(["rm", "-rf", folder], seconds)


def _over_network(shell: Shell, argv: Sequence[str], seconds: float) -> None:
    try:
        shell.run(argv, seconds)
    except GuestCommandError as error:
        if any(word in error.stderr.lower() for word in NETWORK_WORDS):
            raise TransientError(str(error)) from error
        raise
