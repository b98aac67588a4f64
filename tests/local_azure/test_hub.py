"""The hub over the wire: what any client of the OCI distribution API sees of public registries."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from raw_azure import RawAzure

from local_azure import control
from local_azure.__main__ import main
from local_azure.control import Status
from local_azure.oci.content import MANIFEST_TYPE, SIZE_ANNOTATION, digest_of, unpack

WINARENA = "docker.io/v2/windowsarena/winarena"


def client_of(status: Status) -> httpx.Client:
    trust = ssl.create_default_context(cafile=status.ca_file)
    return httpx.Client(base_url=f"{status.registry_mirror}/", verify=trust, trust_env=False)


@pytest.fixture
def hub(still_azure: RawAzure) -> Iterator[httpx.Client]:
    with client_of(still_azure.status) as client:
        yield client


def test_image_is_whole_and_every_digest_is_true(hub: httpx.Client) -> None:
    answer = hub.get(f"{WINARENA}/manifests/latest")
    assert answer.headers["content-type"] == MANIFEST_TYPE
    assert answer.headers["docker-content-digest"] == digest_of(answer.content)
    manifest = answer.json()
    config = hub.get(f"{WINARENA}/blobs/{manifest['config']['digest']}")
    assert digest_of(config.content) == manifest["config"]["digest"]
    diff_ids = []
    for layer in manifest["layers"]:
        blob = hub.get(f"{WINARENA}/blobs/{layer['digest']}").content
        assert (digest_of(blob), len(blob)) == (layer["digest"], layer["size"])
        diff_ids.append(unpack(blob)[0])
    assert diff_ids == config.json()["rootfs"]["diff_ids"]
    claimed = [int(layer["annotations"][SIZE_ANNOTATION]) for layer in manifest["layers"]]
    assert sum(claimed) == 11 << 30


def test_head_tells_the_digest_without_the_content(hub: httpx.Client) -> None:
    head, whole = (
        hub.request(method, f"{WINARENA}/manifests/latest") for method in ("HEAD", "GET")
    )
    assert head.content == b""
    for name in ("docker-content-digest", "content-length", "content-type"):
        assert head.headers[name] == whole.headers[name]
    by_digest = hub.get(f"{WINARENA}/manifests/{head.headers['docker-content-digest']}")
    assert by_digest.content == whole.content


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("docker.io/v2/library/alpine/manifests/nosuchtag", 404, "MANIFEST_UNKNOWN"),
        (f"docker.io/v2/library/alpine/blobs/{digest_of(b'')}", 404, "BLOB_UNKNOWN"),
        ("docker.io/v2/nosuch/repository/manifests/latest", 401, "DENIED"),
        ("registry.invalid/v2/", 404, "NOT_FOUND"),
    ],
)
def test_what_is_not_there_is_refused(hub: httpx.Client, path: str, status: int, code: str) -> None:
    answer = hub.get(path)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)


def test_tags_of_a_repository_are_listed(hub: httpx.Client) -> None:
    hub.get("docker.io/v2/library/debian/manifests/12.9")
    listed = hub.get("docker.io/v2/library/debian/tags/list").json()
    assert listed == {"name": "library/debian", "tags": ["12.9", "latest"]}


def test_nobody_writes_to_the_hub(hub: httpx.Client) -> None:
    assert hub.post("docker.io/v2/library/alpine/blobs/uploads/").status_code == 403
    assert hub.get("docker.io/v2/", headers={"authorization": "Basic YTpi"}).status_code == 401
    assert hub.get("docker.io/v2/").status_code == 200


def test_moved_tag_survives_a_restart_and_its_old_content_too(
    fresh_azure: Callable[..., Status], capsys: pytest.CaptureFixture[str]
) -> None:
    status = fresh_azure(guests="none")
    path = "mcr.microsoft.com/v2/azure-cli/manifests"
    with client_of(status) as client:
        before = client.get(f"{path}/latest")
    assert main(["hub-update", "mcr.microsoft.com/azure-cli", "--state", status.state_dir]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["image"] == "mcr.microsoft.com/azure-cli:latest"
    folder = Path(status.state_dir)
    control.stop(folder)
    with client_of(control.launch(folder, control.Wanted(guests="none"))) as client:
        after = client.get(f"{path}/latest")
        assert digest_of(after.content) == document["digest"] != digest_of(before.content)
        old = client.get(f"{path}/{digest_of(before.content)}")
        assert old.content == before.content


def test_tag_that_the_hub_does_not_have_cannot_be_moved(still_azure: RawAzure) -> None:
    with pytest.raises(control.LocalAzureError, match="the hub has no tag 'nosuch'"):
        control.ask(still_azure.status, "POST", "/_local/hub", {"image": "nosuch"})
