"""Fixtures of the az tests: one local Azure and one signed-in az for the whole file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from az_cli import Az, NoAzError, World
from raw_azure import Group, RawAzure

from local_azure import control
from local_azure.control import Wanted

VMS = ("look", "act", "tag", "end", "bake")
SPEED = 3000.0
"""A VM is created in 0.1 s: az itself is what takes time."""


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Five running VMs in the group `demo`, and an az that is signed in."""
    folder: Path = tmp_path_factory.mktemp("az")
    status = control.launch(folder / "azure", Wanted(speed=SPEED, guests="none"))
    try:
        az = Az(status, folder / "config")
    except NoAzError as error:
        control.stop(folder / "azure")
        pytest.fail(str(error))
    azure = RawAzure(status)
    group = Group(azure, "demo")
    begun = [group.begin_vm(name, tags={"waa-pool": "p"}) for name in VMS]
    az.register()
    signed_in = az.sign_in()
    assert signed_in.code == 0, signed_in.err
    assert [azure.wait(answer)["status"] for answer in begun] == ["Succeeded"] * len(VMS)
    yield World(az, azure, group)
    az.close()
    control.stop(folder / "azure")
