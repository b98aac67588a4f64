"""What `make` installs is what pyproject asks for: pinned, hashed, from nowhere in particular."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCKS = ("constraints.txt", "constraints-az.txt")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
DEPENDENCIES = [Requirement(line) for line in PROJECT["project"]["dependencies"]]
UNIMPORTED = {
    "fastapi": "pinned for Prefect's server",
    "sqlalchemy": "bounded for Prefect's scheduler",
}
"""Dependencies that nothing of ours imports, and why they are there all the same."""


def pins(lock: str) -> list[Requirement]:
    """The lock's lines without their hashes."""
    text = (ROOT / lock).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [Requirement(re.sub(r"\s+--hash=\S+", "", line)) for line in lines]


@pytest.mark.parametrize("lock", LOCKS)
def test_locks_hold_exact_versions_with_hashes_and_no_address(lock: str) -> None:
    """Where packages come from is the machine's business."""
    text = (ROOT / lock).read_text()
    entry = r"[a-z0-9-]+==\S+( ; [^\\]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+"
    rest = re.sub(rf"^{entry}$", "", text, flags=re.MULTILINE)
    assert [line for line in rest.splitlines() if line and not line.startswith("#")] == []
    assert not re.search(r"://|[/]\w+[/]|--index|--find-links|-i ", text)


def test_the_lock_satisfies_pyproject() -> None:
    """Else `make lock` was forgotten."""
    asked = DEPENDENCIES + [Requirement(line) for line in PROJECT["dependency-groups"]["dev"]]
    found: dict[str, set[str]] = {}
    for pin in pins("constraints.txt"):
        found.setdefault(pin.name, set()).add(next(iter(pin.specifier)).version)
    for wanted in asked:
        versions = found.get(canonicalize_name(wanted.name), set())
        assert versions, f"{wanted.name} is not in the lock"
        assert all(wanted.specifier.contains(version) for version in versions), wanted


def imported() -> set[str]:
    """Distributions that our packages import by name."""
    modules: set[str] = set()
    for file in (file for package in PACKAGES for file in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module)
    ours = {*sys.stdlib_module_names, *PACKAGES}
    owners = importlib.metadata.packages_distributions()
    return {distribution(m, owners) for m in modules if m.split(".")[0] not in ours}


def distribution(module: str, owners: Mapping[str, list[str]]) -> str:
    """What holds a module; Azure's packages share one namespace, so their own names tell."""
    parts = module.split(".")
    if parts[0] == "azure":
        return "-".join(parts[: 3 if parts[1] == "mgmt" else 2])
    return canonicalize_name(owners[parts[0]][0])


def test_every_dependency_is_imported_and_every_import_is_a_dependency() -> None:
    """What comes along with another package can go with its next version."""
    asked = {canonicalize_name(item.name) for item in DEPENDENCIES}
    used = imported()
    assert asked - used == set(UNIMPORTED)
    assert used - asked == set()
