"""The least-privilege roles hold exactly the actions that `oa-vm doctor` asks for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import deployments
from vmpool.arm import checks

FOLDER = Path(deployments.__file__).parent


@pytest.mark.parametrize(
    ("file", "actions"),
    [
        ("azure-role-subscription.json", checks.IN_SUBSCRIPTION),
        ("azure-role-group.json", checks.IN_GROUP),
    ],
)
def test_role_holds_what_doctor_wants_and_no_more(file: str, actions: tuple[str, ...]) -> None:
    role = json.loads((FOLDER / file).read_text())
    assert sorted(role["Actions"]) == sorted(actions)
    assert not any("*" in action for action in role["Actions"])
