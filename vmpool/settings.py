"""The one reader of the environment: `WAA_*` variables and `.env`, decoded once into `Settings`.

Refuses what could only fail later: a pool name that Azure would refuse, empty lists, times that are
not positive. Holds no secrets: credentials come from azure-identity or a Prefect block.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from platformdirs import user_state_path
from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from vmpool.errors import UsageError
from vmpool.golden import ImageKind

MAX_WORKERS = 100
"""Quota and the width of names (`-00`..`-99`) end there; a typo must not start 1000 VMs."""


MAX_HOURS = 48
"""A timer that is set further off, by a typo, is none; extending again is always possible."""


POOL_NAME = re.compile(r"[a-z][a-z0-9-]{0,38}[a-z0-9]")
"""A VM name has at most 64 characters; 40 leave room for what is derived from a pool's name."""


RESOURCE_GROUP = re.compile(r"[\w.()-]{0,89}[\w()-]")
"""Azure's rule: learn.microsoft.com, naming rules of Microsoft.Resources."""


def check_pool_name(name: str) -> str:
    """Return `name` if it can be a pool's.

    Raises:
        UsageError: Azure (or a Prefect artifact key) would refuse a name made from it.
    """
    if not POOL_NAME.fullmatch(name) or "--" in name:
        raise UsageError(
            f"pool name {name!r} is not usable: 2 to 40 characters a-z, 0-9 and single '-', "
            "beginning with a letter, not ending with '-'"
        )
    return name


class CloudKind(StrEnum):
    """Which Azure is spoken to."""

    LOCAL = "local"
    AZURE = "azure"


class ServerDeadline(StrEnum):
    """Which of Azure's own timers is set at a pool's deadline."""

    AUTO = "auto"
    COMPUTE_SCHEDULE = "computeschedule"
    DEV_TEST_LAB = "devtestlab"
    OFF = "off"


class Settings(BaseSettings):
    """Everything that can be set, with meaning, unit and the reason of each default."""

    model_config = SettingsConfigDict(
        env_prefix="WAA_", env_file=".env", extra="ignore", frozen=True
    )

    cloud: CloudKind = Field(
        CloudKind.LOCAL, description="local or azure; local by default because azure costs money."
    )
    subscription_id: str = Field("", description="Azure subscription; local Azure has its own.")
    resource_group: str = Field("waa", description="Resource group of every pool.")
    regions: Annotated[tuple[str, ...], NoDecode] = Field(
        ("eastus", "eastus2", "westus2", "westeurope"),
        description="Azure regions, best first; the next is taken when one has no capacity.",
    )
    sizes: Annotated[tuple[str, ...], NoDecode] = Field(
        ("Standard_D8ds_v5", "Standard_D8s_v5", "Standard_D8as_v5"),
        description="VM sizes, best first: 8 vCPUs with nested virtualization, as WAA wants.",
    )
    pool: str = Field("waa-pool", description="Pool name when --pool is not given.")
    ssh_key_file: Path | None = Field(
        None, description="Private SSH key for the VMs; made in the state folder when not given."
    )
    ssh_source: str = Field(
        "", description="CIDR that may use SSH; by default the caller's own address."
    )
    my_address_url: str = Field(
        "https://api.ipify.org", description="Answers the caller's public address as plain text."
    )
    prices_url: str = Field(
        "", description="Retail price list to ask; by default Azure's, or the local Azure's own."
    )
    admin_username: str = Field("azureuser", description="Login on the VMs.")
    storage_path: str = Field(
        "/opt/waa/storage", description="Windows disk on the OS disk, outside every home."
    )
    docker_data_root: str = Field(
        "/var/lib/docker", description="On the OS disk: /mnt is wiped by deallocate."
    )
    os_disk_gb: int = Field(
        128, ge=64, le=4095, description="OS disk in GB: images ~30, Windows disk 64, room (P10)."
    )
    auto_pause_hours: float = Field(
        2.0, gt=0, le=MAX_HOURS, description="Hours from create or resume until auto-pause."
    )
    lease_minutes: float = Field(
        15.0, ge=1, le=120, description="Cloud minutes that a lease of a running eval reaches."
    )
    lease_max_hours: float = Field(
        12.0, gt=0, le=MAX_HOURS, description="Cloud hours after which no lease keeps a pool up."
    )
    server_deadline: ServerDeadline = Field(
        ServerDeadline.AUTO,
        description="Who deallocates when nothing of ours runs: auto, computeschedule, "
        "devtestlab or off; auto takes the first that Azure lets us use.",
    )
    server_grace_minutes: float = Field(
        15.0,
        ge=0,
        le=240,
        description="Cloud minutes by which Azure's own timer comes after the deadline, so that "
        "auto-pause has powered Windows off in order before.",
    )
    idle_warn_days: float = Field(
        7.0, gt=0, description="Days paused from which on a pool is warned of, daily."
    )
    idle_delete_days: float = Field(
        14.0, gt=1, description="Days paused after which a pool is deleted; warned 24 h before."
    )
    notification_block: str = Field(
        "",
        description="Prefect notification block (type/name) that warnings are sent to, such as "
        "slack-webhook/team; none by default.",
    )
    budget_usd_per_day: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="USD that all pools of the group may cost a day (UTC); no budget by default.",
    )
    budget_usd_per_month: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="USD that they may cost a calendar month (UTC); no budget by default.",
    )
    credentials_block: str = Field(
        "",
        description="Name of a prefect-azure AzureContainerInstanceCredentials block; "
        "azure-identity's default chain when empty.",
    )
    base_image: str = Field(
        "docker.io/windowsarena/winarena:latest", description="Image that holds the WAA client."
    )
    windows_image: str = Field(
        "docker.io/dockurr/windows:latest", description="Image that runs Windows in QEMU."
    )
    waa_image: str = Field("waa-auto:latest", description="Image built on the worker and run.")
    registry: str = Field(
        "",
        pattern=r"^([a-zA-Z0-9]{5,50})?$",
        description="Azure Container Registry in the resource group; image-push makes one with a "
        "name of its own when not given.",
    )
    image_kind: ImageKind = Field(
        ImageKind.MANAGED,
        description="What image-create makes: managed (one region, no set-up) or gallery (any "
        "regions, any number of VMs at once).",
    )
    image_regions: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Regions besides the builder's to which a gallery image is replicated; none "
        "by default because each copy costs money.",
    )
    results_dir: Path = Field(
        Path("results"), description="Folder in which each evaluation makes one for its results."
    )
    state_dir: Path = Field(
        default_factory=lambda: user_state_path("waa-vm-pool"),
        description="SSH key, local Azure, Prefect's home of the local stack.",
    )
    lock_timeout_seconds: float = Field(
        600.0, gt=0, description="Wall seconds to wait for another operation on the same pool."
    )
    waa_ready_seconds: float = Field(
        3000.0,
        gt=0,
        description="Cloud seconds for Windows to come up: first boot takes 15-25 min.",
    )

    @field_validator("regions", "sizes", "image_regions", mode="before")
    @classmethod
    def _split(cls, value: Any, info: ValidationInfo) -> Any:
        """Accept `a,b` and `a b` beside JSON's list: people type lists by hand."""
        if isinstance(value, str):
            value = [item for item in re.split(r"[\s,]+", value.strip("[] ")) if item]
            value = [item.strip("\"'") for item in value]
        if not value and info.field_name != "image_regions":
            msg = "needs at least one entry"
            raise ValueError(msg)
        return tuple(value)

    @field_validator("resource_group")
    @classmethod
    def _resource_group(cls, value: str) -> str:
        if not RESOURCE_GROUP.fullmatch(value):
            msg = f"{value!r} is no resource group: 1 to 90 letters, digits and _ - . ( ), "
            msg += "not ending with '.'"
            raise ValueError(msg)
        return value

    @field_validator("pool")
    @classmethod
    def _pool(cls, value: str) -> str:
        return check_pool_name(value)

    @property
    def key_file(self) -> Path:
        """Private SSH key in use."""
        return (self.ssh_key_file or self.state_dir / "id_ed25519").expanduser()

    def make_state_dir(self) -> None:
        """Make the state folder, for its owner only: it holds a private key and a CA.

        One that is there is left as it is: it may be anybody's.
        """
        self.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def local_state_dir(self) -> Path:
        """State folder of the local Azure."""
        return self.state_dir / "azure"

    @property
    def prefect_home(self) -> Path:
        """PREFECT_HOME of the local stack, so that a user's other Prefect is left alone."""
        return self.state_dir / "prefect"


def load_settings(**overrides: Any) -> Settings:
    """Read the environment once.

    Args:
        overrides: values from the command line, stronger than the environment; None is ignored.

    Returns:
        The settings.

    Raises:
        UsageError: a value is not acceptable; the message names the variable.
    """
    given = {key: value for key, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"][:1]).upper()
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise UsageError(f"WAA_{name}: {reason}") from error
