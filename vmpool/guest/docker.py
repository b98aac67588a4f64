"""Docker on a VM: is it there, which images has it, pull, build. Commands only, always by sudo.

By sudo, because membership of the group `docker` counts from the next login only, and ours may be
older than the group.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vmpool.errors import GuestCommandError, TransientError
from vmpool.guest.context import BuildContext
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


def pull(shell: Shell, image: str, timeout_seconds: float) -> None:
    """Pull an image.

    Args:
        shell: the VM.
        image: reference.
        timeout_seconds: wall seconds for all of it.

    Raises:
        TransientError: the registry or the way to it has a bad moment.
        GuestCommandError: it is not to be had.
    """
    _over_network(shell, [*DOCKER, "pull", "--quiet", image], timeout_seconds)


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
