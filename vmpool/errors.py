"""The one tree of errors. The class decides the retry: transient is tried again, permanent never.

Vendor errors (Azure's, fabric's) are translated into these once, in `vmpool.arm.errors` and
`vmpool.guest.shell`, and chained. Every message is one line that says what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class VmPoolError(Exception):
    """Root of every error that this project raises on purpose; its text is for people."""


class TransientError(VmPoolError):
    """The same call may work a moment later.

    Attributes:
        retry_after_seconds: wall seconds that the other side asked us to wait, or None.
    """

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds

    def __reduce__(self) -> tuple[type[TransientError], tuple[str, float | None]]:
        """Survive pickling with the delay: results may cross processes."""
        return type(self), (str(self), self.retry_after_seconds)


class ThrottledError(TransientError):
    """Azure answered 429, or a quota of calls is used up."""


class GuestUnreachableError(TransientError):
    """SSH refused, timed out or was cut: the VM may be booting, frozen or gone."""


class BusyError(TransientError):
    """Another operation is running on the same resource (409)."""


class CloudUnreachableError(TransientError):
    """Azure could not be asked at all: what runs there is unknown (exit code 3)."""


class PermanentError(VmPoolError):
    """Trying again changes nothing; somebody has to do what the message says."""


class UsageError(PermanentError):
    """The input was wrong (exit code 2)."""


class CredentialsError(PermanentError):
    """No credentials, wrong ones, or too few rights; nothing could be asked (exit code 3)."""


class NotFoundError(PermanentError):
    """The pool, worker or resource that was named does not exist."""


class CapacityError(PermanentError):
    """This size cannot be had in this region now: go to the next place, never retry the same.

    Attributes:
        code: Azure's error code (SkuNotAvailable, AllocationFailed, QuotaExceeded, ...).
    """

    def __init__(self, message: str, code: str = "AllocationFailed") -> None:
        super().__init__(message)
        self.code = code

    def __reduce__(self) -> tuple[type[CapacityError], tuple[str, str]]:
        """Survive pickling with the code."""
        return type(self), (str(self), self.code)


class GuestCommandError(PermanentError):
    """A program on the VM ended with an exit code that is no success.

    Attributes:
        exit_code: what the program returned.
        stderr: its last words, shortened.
    """

    def __init__(self, message: str, exit_code: int = 1, stderr: str = "") -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.stderr = stderr

    def __reduce__(self) -> tuple[type[GuestCommandError], tuple[str, int, str]]:
        """Survive pickling with the exit code."""
        return type(self), (str(self), self.exit_code, self.stderr)


class HostKeyError(PermanentError):
    """The VM showed another host key than the one recorded in its tags: not our machine."""


class PhaseTimeoutError(PermanentError):
    """A phase did not reach its goal within its total time."""


class LockedError(PermanentError):
    """Another operation holds the pool and did not let go in time."""


class EvalFailedError(PermanentError):
    """An evaluation has ended, but not all of it is done.

    Attributes:
        summary: what it came to, as `pool-eval --json` shows it.
    """

    def __init__(self, message: str, summary: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.summary = dict(summary or {})

    def __reduce__(self) -> tuple[type[EvalFailedError], tuple[str, dict[str, Any]]]:
        """Survive pickling with the summary."""
        return type(self), (str(self), self.summary)
