"""The connection to Azure, with credentials from a Prefect block when the settings name one.

Never as a flow parameter: those are shown in the UI.
"""

from __future__ import annotations

from typing import Any

from vmpool.arm.clients import Cloud, connect
from vmpool.errors import CredentialsError
from vmpool.settings import Settings, load_settings


async def connected(settings: Settings | None = None) -> Cloud:
    """A connection with the credentials that the settings name; nothing is asked yet.

    Args:
        settings: read from the environment when None; they are the connection's from then on.

    Raises:
        UsageError: a setting is not acceptable, or no subscription is set.
        CredentialsError: the credentials' block can't be read.
        CloudUnreachableError: the local Azure does not run.
    """
    settings = settings or load_settings()
    return connect(settings, await load_credential(settings))


async def load_credential(settings: Settings) -> Any | None:
    """The credential of the block named in the settings, None to use azure-identity's chain.

    Raises:
        CredentialsError: no such block, or it can't be read.
    """
    name = settings.credentials_block
    if not name:
        return None
    from prefect_azure import AzureContainerInstanceCredentials  # noqa: PLC0415 # a second or two

    try:
        block: Any = await AzureContainerInstanceCredentials.aload(name)
    except ValueError as error:
        raise CredentialsError(
            f"no AzureContainerInstanceCredentials block named {name!r}: create it in the Prefect "
            "UI (Blocks) or unset WAA_CREDENTIALS_BLOCK"
        ) from error
    return block._create_credential()  # noqa: SLF001 # the block offers no public way
