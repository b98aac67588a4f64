from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmpool.errors import UsageError
from vmpool.reference import Reference, parse

DIGEST = "sha256:" + 64 * "a"
WORD = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)
HOSTS = st.sampled_from(["docker.io", "mcr.microsoft.com", "localhost", "127.0.0.1:5000"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ubuntu", Reference("docker.io", "library/ubuntu", "latest")),
        ("dockurr/windows", Reference("docker.io", "dockurr/windows", "latest")),
        ("localhost/waa:1", Reference("localhost", "waa", "1")),
        ("127.0.0.1:5000/waa", Reference("127.0.0.1:5000", "waa", "latest")),
        (f"a.azurecr.io/waa@{DIGEST}", Reference("a.azurecr.io", "waa", "", DIGEST)),
        (f"a.azurecr.io/waa:1@{DIGEST}", Reference("a.azurecr.io", "waa", "1", DIGEST)),
    ],
)
def test_a_name_is_read_as_docker_reads_it(text: str, expected: Reference) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize("text", ["", "Upper", "a b", "x:", "x@sha256:12", "https://a.io/x", "/x"])
def test_what_is_no_image_name_is_refused_with_what_one_looks_like(text: str) -> None:
    with pytest.raises(UsageError, match=r"\[host/\]repository"):
        parse(text)


@given(host=HOSTS, path=st.lists(WORD, min_size=2, max_size=3), tag=WORD)
def test_what_was_read_names_the_same_image(host: str, path: list[str], tag: str) -> None:
    read = parse(f"{host}/{'/'.join(path)}:{tag}")
    assert parse(f"{read.name}:{read.tag}") == read
    assert parse(read.at(DIGEST)).digest == DIGEST


def test_docker_shows_its_own_hub_without_host() -> None:
    assert parse("docker.io/dockurr/windows").familiar == "dockurr/windows"
    assert parse("ubuntu").familiar == "ubuntu"
    assert parse("a.azurecr.io/waa").familiar == "a.azurecr.io/waa"
