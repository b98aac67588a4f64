"""A killed server: its registries are found again where they were, with all they acknowledged."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from forked_azure import kill
from raw_azure import Group, RawAzure
from raw_registry import OCI, RawRegistry, create_registry, digest_of, make_image, with_digest

from local_azure import control
from local_azure.control import Status, Wanted

PATIENCE_SECONDS = 10.0


def children(pid: int) -> list[int]:
    """Processes that a process started and that still run."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(each) for each in text.split()]


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.fixture
def killed(
    fresh_azure: Callable[..., Status], storage: str
) -> Callable[[], tuple[Status, RawRegistry]]:
    """Starts a server with a registry."""

    def start() -> tuple[Status, RawRegistry]:
        status = fresh_azure(guests="none", registries=storage)
        azure = RawAzure(status)
        shown = create_registry(Group(azure, "demo"), "survivor")
        return status, RawRegistry(azure, shown["properties"]["loginServer"])

    return start


def again(status: Status, registry: RawRegistry, storage: str) -> RawRegistry:
    wanted = Wanted(speed=status.speed, guests="none", registries=storage)
    restarted = control.launch(Path(status.state_dir), wanted)
    return RawRegistry(RawAzure(restarted), registry.host)


def test_a_killed_server_has_its_registry_on_the_same_port(
    killed: Callable[[], tuple[Status, RawRegistry]], storage: str
) -> None:
    status, registry = killed()
    image = make_image()
    registry.push("some", "v1", image)
    refresh = registry.refresh_token()
    kill(status)
    registry = again(status, registry, storage)
    answer = registry.call("GET", "/v2/some/manifests/v1", headers={"accept": OCI})
    assert answer.content == image.manifest
    layer = registry.call("GET", f"/v2/some/blobs/{digest_of(image.layer)}")
    assert layer.content == image.layer
    assert registry.ask_token("repository:some:pull", refresh).status_code == 200


def test_an_upload_goes_on_after_a_kill(
    killed: Callable[[], tuple[Status, RawRegistry]], storage: str
) -> None:
    status, registry = killed()
    headers = registry.all_of("some")
    begun = registry.http.post("/v2/some/blobs/uploads/", headers=headers)
    sent = registry.http.patch(begun.headers["location"], headers=headers, content=b"first ")
    kill(status)
    registry = again(status, registry, storage)
    headers = registry.all_of("some")
    more = registry.http.patch(sent.headers["location"], headers=headers, content=b"second")
    assert more.headers["range"] == "0-11"
    whole = with_digest(more.headers["location"], digest_of(b"first second"))
    assert registry.http.put(whole, headers=headers).status_code == 201


def test_a_killed_server_leaves_no_process(
    killed: Callable[[], tuple[Status, RawRegistry]], storage: str
) -> None:
    status, registry = killed()
    registry.push("some", "v1", make_image())
    started = children(status.pid)
    assert bool(started) == (storage == "docker-registry")
    kill(status)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(is_running(pid) for pid in started):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_storage_that_dies_is_started_again(
    killed: Callable[[], tuple[Status, RawRegistry]],
) -> None:
    status, registry = killed()
    image = make_image()
    registry.push("some", "v1", image)
    for pid in children(status.pid):
        os.kill(pid, signal.SIGKILL)
    answer = registry.call("GET", "/v2/some/manifests/v1", headers={"accept": OCI})
    assert answer.content == image.manifest


def test_each_storage_goes_on_with_what_the_other_kept(
    killed: Callable[[], tuple[Status, RawRegistry]], storage: str
) -> None:
    status, registry = killed()
    image = make_image()
    registry.push("some", "v1", image)
    control.stop(Path(status.state_dir))
    other = "auto" if storage == "own" else "own"
    registry = again(status, registry, other)
    answer = registry.call("GET", "/v2/some/manifests/v1", headers={"accept": OCI})
    assert answer.content == image.manifest
    registry.push("some", "v2", make_image("second"))
    assert registry.call("GET", "/v2/some/tags/list").json()["tags"] == ["v1", "v2"]


def test_what_a_deletion_left_when_it_was_cut_short_goes_at_the_next_start(
    killed: Callable[[], tuple[Status, RawRegistry]], storage: str
) -> None:
    status, registry = killed()
    registry.push("some", "v1", make_image())
    kill(status)
    top = Path(status.state_dir) / "registries"
    [kept] = top.iterdir()
    (top / "left" / "storage").mkdir(parents=True)
    registry = again(status, registry, storage)
    assert registry.call("GET", "/v2/some/tags/list").json()["tags"] == ["v1"]
    assert list(top.iterdir()) == [kept]
