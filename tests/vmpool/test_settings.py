from __future__ import annotations

import stat
from pathlib import Path

import pytest

from vmpool.errors import UsageError
from vmpool.settings import CloudKind, load_settings


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `.env` of the checkout, no variables of the shell."""
    monkeypatch.chdir(tmp_path)
    for name in ("WAA_CLOUD", "WAA_POOL", "WAA_REGIONS", "WAA_STATE_DIR", "WAA_IMAGE_KIND"):
        monkeypatch.delenv(name, raising=False)


def test_local_is_the_default_because_azure_costs_money() -> None:
    assert load_settings().cloud is CloudKind.LOCAL


@pytest.mark.parametrize("text", ["a,b", "a b", '["a", "b"]', " a, b "])
def test_lists_are_read_as_people_write_them(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAA_REGIONS", text)
    assert load_settings().regions == ("a", "b")


def test_a_dotenv_file_is_read(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("WAA_POOL=from-file\n")
    assert load_settings().pool == "from-file"


def test_the_command_line_is_stronger_than_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WAA_POOL", "from-env")
    assert load_settings(pool="from-option").pool == "from-option"


@pytest.mark.parametrize(
    "name", ["", "A", "Bad", "a_b", "9a", "a-", "a--b", "x" * 41, "a/b", "a b", "ä1"]
)
def test_pool_names_that_azure_would_refuse_are_refused_at_once(name: str) -> None:
    with pytest.raises(UsageError, match="pool name"):
        load_settings(pool=name)


@pytest.mark.parametrize("name", ["waa", "My_Group-1.(x)", "x" * 90, "a"])
def test_a_resource_group_may_have_any_name_that_azure_takes(name: str) -> None:
    assert load_settings(resource_group=name).resource_group == name


@pytest.mark.parametrize("name", ["", "ends.", "a b", "a/b", "x" * 91, "a\n", "a?"])
def test_resource_groups_that_azure_would_refuse_are_refused_at_once(name: str) -> None:
    with pytest.raises(UsageError, match="WAA_RESOURCE_GROUP: "):
        load_settings(resource_group=name)


def test_the_state_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    settings = load_settings(state_dir=tmp_path / "new" / "state")
    settings.make_state_dir()
    assert stat.S_IMODE(settings.state_dir.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("variable", "value"),
    [("CLOUD", "aws"), ("REGIONS", ""), ("OS_DISK_GB", "8"), ("AUTO_PAUSE_HOURS", "0")],
)
def test_bad_values_are_one_line_that_names_the_variable(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"WAA_{variable}", value)
    with pytest.raises(UsageError, match=f"^WAA_{variable}: [^\n]+$"):
        load_settings()


def test_image_regions_are_none_unless_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().image_regions == ()
    monkeypatch.setenv("WAA_IMAGE_REGIONS", "")
    assert load_settings().image_regions == ()
    monkeypatch.setenv("WAA_IMAGE_REGIONS", "westus2,eastus2")
    assert load_settings().image_regions == ("westus2", "eastus2")


def test_a_kind_of_image_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAA_IMAGE_KIND", "snapshot")
    with pytest.raises(UsageError, match="WAA_IMAGE_KIND"):
        load_settings()
