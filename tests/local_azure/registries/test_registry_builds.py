"""ACR Tasks: a context is uploaded, a run builds it, the registry has the image."""

from __future__ import annotations

import gzip
import io
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from forked_azure import kill
from raw_azure import Group, RawAzure
from raw_registry import RawRegistry, create_registry, digest_of, registry_path

from local_azure import control
from local_azure.control import Status, Wanted

TASKS = "2019-06-01-preview"
FILES = {
    "Dockerfile": "FROM alpine:3\nLABEL made=here\nCOPY a.txt /a.txt\nRUN true\n",
    "a.txt": "a",
}
PATIENCE_SECONDS = 30.0
ENDED = ("Succeeded", "Failed", "Canceled")


def packed(files: dict[str, str]) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(plain.getvalue())


class Yard:
    """A registry and its builds."""

    def __init__(self, group: Group, name: str) -> None:
        self.azure, self.path = group.azure, registry_path(group, name)
        shown = create_registry(group, name)
        self.registry = RawRegistry(group.azure, shown["properties"]["loginServer"])

    def post(self, action: str, body: Any = None) -> httpx.Response:
        return self.azure.call("POST", f"{self.path}/{action}", body, api=TASKS)

    def upload(self, content: bytes) -> str:
        place = self.post("listBuildSourceUploadUrl").json()
        kind = {"x-ms-blob-type": "BlockBlob"}
        answer = self.registry.http.put(place["uploadUrl"], content=content, headers=kind)
        assert answer.status_code == 201, answer.text
        return str(place["relativePath"])

    def begin(self, files: dict[str, str] | None = None, **fields: Any) -> dict[str, Any]:
        """Schedule a build; fields replace the right ones."""
        body = {
            "type": "DockerBuildRequest",
            "sourceLocation": self.upload(packed(files or FILES)),
            "dockerFilePath": "Dockerfile",
            "imageNames": ["some/app:v1"],
            "isPushEnabled": True,
            "platform": {"os": "Linux", "architecture": "amd64"},
        }
        answer = self.post("scheduleRun", body | fields)
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    def run(self, run_id: str) -> dict[str, Any]:
        shown = self.azure.get(f"{self.path}/runs/{run_id}", api=TASKS)
        properties: dict[str, Any] = shown["properties"]
        return properties

    def wait(self, run_id: str) -> dict[str, Any]:
        """The run when it has ended."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (found := self.run(run_id))["status"] not in ENDED:
            assert time.monotonic() < deadline, found
            if self.azure.status.speed < 100:
                self.azure.advance(30)
            time.sleep(0.02)
        return found

    def log(self, run_id: str) -> httpx.Response:
        link = self.post(f"runs/{run_id}/listLogSasUrl").json()["logLink"]
        return self.registry.http.get(link)


@pytest.fixture
def yard(group: Group, unique_name: str) -> Yard:
    return Yard(group, unique_name)


def test_a_build_goes_through_its_states_and_takes_its_time(yard: Yard) -> None:
    run_id = yard.begin()["properties"]["runId"]
    seen = [yard.run(run_id)["status"]]
    for seconds in (6, 10):
        yard.azure.advance(seconds)
        seen.append(yard.run(run_id)["status"])
    assert seen == ["Queued", "Started", "Running"]
    yard.azure.advance(20)
    assert yard.run(run_id)["status"] == "Running"
    ended = yard.wait(run_id)
    assert ended["status"] == "Succeeded"
    assert ended["finishTime"] > ended["startTime"] > ended["createTime"]


def test_what_a_build_made_is_in_the_registry(yard: Yard) -> None:
    run_id = yard.begin(imageNames=["some/app:v1", "some/app:{{.Run.ID}}"])["name"]
    ended = yard.wait(run_id)
    first, second = ended["outputImages"]
    assert (first["repository"], first["tag"], second["tag"]) == ("some/app", "v1", run_id)
    read = yard.registry.call("GET", "/v2/some/app/manifests/v1")
    assert digest_of(read.content) == first["digest"] == second["digest"]
    config = yard.registry.call("GET", f"/v2/some/app/blobs/{read.json()['config']['digest']}")
    assert config.json()["config"]["Labels"] == {"made": "here"}
    assert yard.registry.call("GET", "/v2/some/app/tags/list").json()["tags"] == [run_id, "v1"]


def test_the_log_tells_what_happened(yard: Yard) -> None:
    run_id = yard.begin()["name"]
    yard.wait(run_id)
    log = yard.log(run_id)
    assert log.headers["x-ms-meta-complete"] == "successful"
    for words in (
        "Executing step ID: build",
        "COPY a.txt /a.txt",
        "some/app:v1",
        "digest: sha256:",
    ):
        assert words in log.text
    part = yard.registry.http.get(str(log.request.url), headers={"x-ms-range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, log.content[5:10])


@pytest.mark.parametrize(
    ("files", "fields", "reason"),
    [
        ({"Dockerfile": "FROM alpine:3\nFETCH x\n"}, {}, "unknown instruction: FETCH"),
        ({"Dockerfile": "FROM alpine:3\nCOPY gone /\n"}, {}, '"/gone": not found'),
        ({"Dockerfile": "FROM no/such:thing\n"}, {}, "no/such:thing"),
        ({"Dockerfile": "FROM alpine:3\nRUN exit 3\n"}, {}, "exit code: 3"),
        (FILES, {"dockerFilePath": "Other"}, "failed to read dockerfile"),
        (FILES, {"sourceLocation": "source/none.tar.gz"}, "failed to download context"),
    ],
)
def test_a_broken_build_fails_and_its_log_says_why(
    yard: Yard, files: dict[str, str], fields: dict[str, str], reason: str
) -> None:
    run_id = yard.begin(files, **fields)["name"]
    ended = yard.wait(run_id)
    assert ended["status"] == "Failed"
    assert ended["runErrorMessage"]
    assert "outputImages" not in ended
    log = yard.log(run_id)
    assert reason in log.text
    assert log.headers["x-ms-meta-complete"] == "failed"
    assert yard.registry.call("GET", "/v2/_catalog").json()["repositories"] == []


def test_what_is_no_archive_fails(yard: Yard) -> None:
    run_id = yard.begin(sourceLocation=yard.upload(b"nothing"))["name"]
    assert yard.wait(run_id)["status"] == "Failed"
    assert "failed to unpack" in yard.log(run_id).text


def test_build_arguments_reach_the_dockerfile(yard: Yard) -> None:
    files = {"Dockerfile": "ARG BASE\nFROM $BASE\n"}
    argument = {"name": "BASE", "value": "busybox:latest", "isSecret": False}
    run_id = yard.begin(files, arguments=[argument])["name"]
    assert yard.wait(run_id)["status"] == "Succeeded"
    assert "busybox:latest" in yard.log(run_id).text


def test_a_build_without_a_push_leaves_nothing(yard: Yard) -> None:
    run_id = yard.begin(isPushEnabled=False)["name"]
    assert yard.wait(run_id)["status"] == "Succeeded"
    assert yard.registry.call("GET", "/v2/_catalog").json()["repositories"] == []


def test_a_run_is_cancelled_once(yard: Yard) -> None:
    run_id = yard.begin()["name"]
    yard.azure.advance(20)
    assert yard.post(f"runs/{run_id}/cancel").status_code == 200
    assert yard.run(run_id)["status"] == "Canceled"
    assert yard.post(f"runs/{run_id}/cancel").json()["error"]["code"] == "RunNotCancelable"
    yard.azure.advance(600)
    assert yard.registry.call("GET", "/v2/_catalog").json()["repositories"] == []


def test_runs_are_listed_and_unknown_ones_are_not_found(yard: Yard) -> None:
    names = [yard.begin()["name"] for _ in range(2)]
    listed = yard.azure.get(f"{yard.path}/runs", api=TASKS)["value"]
    assert [each["name"] for each in listed] == names
    assert yard.azure.call("GET", f"{yard.path}/runs/ca99", api=TASKS).status_code == 404


def test_only_docker_builds_are_scheduled(yard: Yard) -> None:
    answer = yard.post("scheduleRun", {"type": "TaskRunRequest", "taskId": "x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidRunRequest")


def test_an_address_opens_one_blob_for_one_use_for_a_time(yard: Yard) -> None:
    url = str(yard.post("listBuildSourceUploadUrl").json()["uploadUrl"])
    kind = {"x-ms-blob-type": "BlockBlob"}
    http = yard.registry.http
    assert http.put(url, content=b"x").status_code == 400
    assert http.get(url).status_code == 403
    assert http.put(url.replace("sig=", "sig=0"), content=b"x", headers=kind).status_code == 403
    assert http.put(url.replace("/source/", "/source/a"), content=b"x", headers=kind).is_error
    assert http.put(url, content=b"x", headers=kind).status_code == 201
    yard.azure.advance(3700)
    assert http.put(url, content=b"x", headers=kind).status_code == 403


def test_a_build_is_done_again_after_a_kill(fresh_azure: Callable[..., Status]) -> None:
    status = fresh_azure(speed=1.0, guests="none")
    yard = Yard(Group(RawAzure(status), "demo"), "survivor")
    run_id = yard.begin()["name"]
    yard.azure.advance(60)
    assert yard.run(run_id)["status"] == "Running"
    kill(status)
    control.launch(Path(status.state_dir), Wanted(speed=1.0, guests="none"))
    assert yard.wait(run_id)["status"] == "Succeeded"
    assert yard.registry.call("GET", "/v2/some/app/tags/list").json()["tags"] == ["v1"]
