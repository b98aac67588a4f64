"""What the cloud offers: regions, VM sizes, images, quotas, durations. Read once from TOML.

Refuses to know what is in use; that is the store's.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

IMAGE_GIB = 30
"""Size of the OS disk inside Canonical's images."""


@dataclass(frozen=True)
class Size:
    """A VM size.

    Attributes:
        name: e.g. `Standard_D8ds_v5`.
        family: quota family.
        vcpus: virtual processors.
        memory_gib: memory in GiB.
        temp_gib: temp disk in GiB, 0 when there is none.
        is_nested: whether KVM works inside.
        restricted: regions where this subscription may not use it.
    """

    name: str
    family: str
    vcpus: int
    memory_gib: float
    temp_gib: int
    is_nested: bool
    restricted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Catalog:
    """The offer, by name."""

    regions: dict[str, str]
    sizes: dict[str, Size]
    families: dict[str, str]
    quota: dict[str, Any]
    images: list[dict[str, Any]]

    @classmethod
    def load(cls) -> Catalog:
        """Read the file that comes with the package."""
        table = tomllib.loads((files("local_azure") / "profiles" / "catalog.toml").read_text())
        sizes = {name: _size(name, fields) for name, fields in table["sizes"].items()}
        return cls(table["regions"], sizes, table["families"], table["quota"], table["images"])

    def region(self, given: str) -> str | None:
        """Normal name of a region (`East US` is `eastus`), None if it is not ours."""
        name = given.replace(" ", "").lower()
        return name if name in self.regions else None

    def size(self, given: str) -> Size | None:
        """The size of that name, in any case."""
        for name, size in self.sizes.items():
            if name.lower() == given.lower():
                return size
        return None

    def generation(self, reference: dict[str, Any]) -> str:
        """Hyper-V generation of a platform image, by the name of its SKU."""
        sku = _text(reference, "sku")
        return "V1" if sku.endswith(("lts", "gen1")) else "V2"

    def image_version(self, reference: dict[str, Any]) -> str | None:
        """Exact version that an image reference means, None if there is no such image."""
        for image in self.images:
            names = (image["publisher"].lower(), image["offer"].lower())
            asked = (_text(reference, "publisher"), _text(reference, "offer"))
            has_sku = _text(reference, "sku") in [s.lower() for s in image["skus"]]
            if names == asked and has_sku:
                version = _text(reference, "version")
                return str(image["version"]) if version in ("latest", image["version"]) else None
        return None


@dataclass(frozen=True)
class Durations:
    """How long things take, in cloud seconds, by the tables of a profile file."""

    tables: dict[str, dict[str, float]]

    @classmethod
    def load(cls, file: Path | None) -> Durations:
        """Read a profile; what it leaves out is taken from the default profile.

        Args:
            file: a profile, or None for the default alone.
        """
        default = (files("local_azure") / "profiles" / "default.toml").read_text()
        tables = tomllib.loads(default)
        for name, values in tomllib.loads(file.read_text()).items() if file else []:
            tables[name] = tables.get(name, {}) | values
        return cls(tables)

    def of(self, table: str, name: str) -> float:
        """Cloud seconds that `name` in `table` takes."""
        return float(self.tables[table][name])


def _size(name: str, fields: dict[str, Any]) -> Size:
    return Size(
        name,
        fields["family"],
        fields["vcpus"],
        float(fields["memory_gib"]),
        fields["temp_gib"],
        is_nested=fields["nested"],
        restricted=tuple(fields.get("restricted", ())),
    )


def _text(reference: dict[str, Any], key: str) -> str:
    return str(reference.get(key, "")).lower()
