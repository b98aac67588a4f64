"""Runs single programs on a VM and brings files there. An argv goes in, an answer comes out.

No scripts: a script hides its steps, and cannot be retried half way.
"""

from __future__ import annotations

import io
import shlex
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from vmpool.errors import GuestCommandError, GuestUnreachableError
from vmpool.guest.connection import (
    Address,
    feed,
    limited,
    make_connection,
    open_connection,
    translated,
)

__all__ = ["Address", "Answer", "Shell"]

T = TypeVar("T")

LAST_WORDS = 300
"""Characters of a program's stderr that go into a message."""
CUT = -1
"""What fabric says when a program ended without an exit code: the connection was cut."""


@dataclass(frozen=True)
class Answer:
    """What a program left.

    Attributes:
        exit_code: 0 is success.
        out: standard output.
        err: standard error.
    """

    exit_code: int
    out: str
    err: str

    @property
    def is_ok(self) -> bool:
        """Whether the program succeeded."""
        return self.exit_code == 0


class Shell:
    """A VM's shell over one connection, opened when it is needed and again after it was cut.

    Usable from any thread, by one at a time: a connection of fabric's is no more than that.

    Args:
        address: where to, and which host key to expect.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._connection = make_connection(address)
        self._lock = threading.Lock()

    def run(self, argv: Sequence[str], timeout_seconds: float) -> Answer:
        """Run a program that has to succeed.

        Args:
            argv: program and arguments.
            timeout_seconds: wall seconds to wait for its end.

        Returns:
            What it left.

        Raises:
            GuestCommandError: it ended with another exit code than 0.
            GuestUnreachableError: the VM could not be reached, or the connection was cut.
            HostKeyError: another machine answers there.
        """
        return self._succeeded(argv, self.ask(argv, timeout_seconds))

    def _succeeded(self, argv: Sequence[str], answer: Answer) -> Answer:
        if not answer.is_ok:
            words = " ".join((answer.err or answer.out).split())[-LAST_WORDS:]
            raise GuestCommandError(
                f"{shlex.join(argv)} on {self._address.ip}: {words or 'failed'} "
                f"(exit code {answer.exit_code})",
                answer.exit_code,
                words,
            )
        return answer

    def ask(self, argv: Sequence[str], timeout_seconds: float) -> Answer:
        """Run a program whose exit code is an answer; otherwise like `run`.

        Raises:
            GuestUnreachableError: the VM could not be reached, or the connection was cut.
            HostKeyError: another machine answers there.
        """
        command = shlex.join(argv)
        result: Any = self._with_connection(
            lambda connection: connection.run(
                command,
                hide=True,
                warn=True,
                in_stream=False,
            ),
            timeout_seconds,
        )
        if result.exited == CUT:
            self.close()
            raise GuestUnreachableError(f"SSH of {self._address.ip} was cut during: {command}")
        return Answer(result.exited, result.stdout, result.stderr)

    def feed(self, argv: Sequence[str], content: str, timeout_seconds: float) -> Answer:
        """Run a program that has to succeed and reads something from its standard input.

        For secrets: what is fed stands in no argument list, no file and no message.

        Args:
            argv: program and arguments.
            content: what it reads.
            timeout_seconds: wall seconds to wait for its end.

        Raises:
            GuestCommandError: it ended with another exit code than 0.
            GuestUnreachableError: the VM could not be reached, or the connection was cut.
            HostKeyError: another machine answers there.
        """
        code, out, err = self._fed(argv, content.encode(), timeout_seconds)
        answer = Answer(code, out.decode(errors="replace"), err.decode(errors="replace"))
        return self._succeeded(argv, answer)

    def fetch(self, argv: Sequence[str], timeout_seconds: float) -> bytes:
        """Run a program that has to succeed and prints anything but text.

        Args:
            argv: program and arguments.
            timeout_seconds: wall seconds to wait for its end.

        Returns:
            What it printed, as it is.

        Raises:
            GuestCommandError: it ended with another exit code than 0.
            GuestUnreachableError: the VM could not be reached, or the connection was cut.
            HostKeyError: another machine answers there.
        """
        code, out, err = self._fed(argv, b"", timeout_seconds)
        self._succeeded(argv, Answer(code, "", err.decode(errors="replace")))
        return out

    def _fed(
        self, argv: Sequence[str], content: bytes, timeout_seconds: float
    ) -> tuple[int, bytes, bytes]:
        command = shlex.join(argv)
        return self._with_connection(lambda it: feed(it, command, content), timeout_seconds)

    def put(self, content: bytes, path: str, timeout_seconds: float) -> None:
        """Write a file on the VM, as the login's own.

        Args:
            content: all of it.
            path: absolute path; its folder must exist.
            timeout_seconds: wall seconds for all of it.

        Raises:
            GuestUnreachableError: the VM could not be reached, or it refused.
        """
        self._with_connection(
            lambda connection: connection.put(io.BytesIO(content), remote=path), timeout_seconds
        )

    def _with_connection(self, use: Callable[[Any], T], seconds: float) -> T:
        with self._lock, translated(self._address.ip):
            try:
                open_connection(self._connection)
                with limited(self._connection, seconds):
                    return use(self._connection)
            except BaseException:
                self._connection.close()  # what is half dead is opened anew next time
                raise

    def close(self) -> None:
        """Close the connection; the next use opens it again."""
        with translated(self._address.ip):
            self._connection.close()
