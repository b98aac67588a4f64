"""Reads what runs left behind in Prefect; its server is started where it does not run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import httpx

from oa_vm import stack
from vmpool.errors import PermanentError
from vmpool.settings import Settings

T = TypeVar("T")


def recorded(settings: Settings, read: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
    """What Prefect has on record.

    Args:
        settings: say where.
        read: asks; called when this process is set up to use Prefect, which it may import then.

    Returns:
        The answer, None if nothing was ever recorded.

    Raises:
        PermanentError: the server does not start or does not answer.
    """
    with stack.records(settings) as url:
        if url is None:
            return None
        from prefect.exceptions import PrefectException  # noqa: PLC0415 # imports Prefect: 1-2 s

        try:
            return asyncio.run(read())
        except (PrefectException, httpx.HTTPError) as error:
            raise PermanentError(
                f"the Prefect server at {url} does not tell its runs "
                f"({type(error).__name__}: {error}): see that it runs"
            ) from error
