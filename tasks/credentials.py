"""Credentials from a Prefect block, when the settings name one; never as a flow parameter."""

from __future__ import annotations

from typing import Any

from prefect_azure import AzureContainerInstanceCredentials

from vmpool.errors import CredentialsError
from vmpool.settings import Settings


async def load_credential(settings: Settings) -> Any | None:
    """The credential of the block named in the settings, None to use azure-identity's chain.

    Raises:
        CredentialsError: no such block, or it can't be read.
    """
    name = settings.credentials_block
    if not name:
        return None
    try:
        block: Any = await AzureContainerInstanceCredentials.aload(name)
    except ValueError as error:
        raise CredentialsError(
            f"no AzureContainerInstanceCredentials block named {name!r}: create it in the Prefect "
            "UI (Blocks) or unset WAA_CREDENTIALS_BLOCK"
        ) from error
    return block._create_credential()  # noqa: SLF001 # the block offers no public way
