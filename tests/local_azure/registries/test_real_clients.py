"""The clients that people have, against a registry: skopeo, and Docker with a daemon of its own."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from raw_registry import TOKEN_USER, RawRegistry, digest_of, make_image

PATIENCE_SECONDS = 30.0
Client = Callable[..., subprocess.CompletedProcess[str]]


def run(*words: str, given: str | bytes = "") -> subprocess.CompletedProcess[str]:
    content = given.encode() if isinstance(given, str) else given
    done = subprocess.run(words, input=content, capture_output=True, timeout=60, check=False)
    return subprocess.CompletedProcess(
        words, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


@pytest.fixture
def skopeo(registry: RawRegistry, tmp_path: Path) -> Client:
    """skopeo, signed in; `SOURCE` of a copy comes last but one."""
    if not shutil.which("skopeo"):
        pytest.skip("skopeo is not installed")
    login = ("--authfile", str(tmp_path / "auth.json"))

    def client(verb: str, *words: str) -> subprocess.CompletedProcess[str]:
        trust = [f"--{end}-tls-verify=false" for end in ("src", "dest")]
        options = trust if verb == "copy" else ["--tls-verify=false"]
        policy = ("--insecure-policy",)
        return run("skopeo", *policy, verb, *login, *options, *words)

    signed_in = run(
        "skopeo", "login", *login, "--tls-verify=false", "--username", TOKEN_USER,
        "--password-stdin", registry.host, given=registry.refresh_token(),
    )  # fmt: skip
    assert signed_in.returncode == 0, signed_in.stderr
    return client


def blob_file(registry: RawRegistry, digest: str) -> Path:
    """Where the server keeps some content."""
    top = Path(registry.azure.status.state_dir) / "registries"
    [found] = top.glob(f"*/storage/docker/registry/v2/blobs/*/*/{digest.partition(':')[2]}/data")
    return found


def tamper(file: Path) -> None:
    """Change some bytes in the middle, not the length."""
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4] = bytes(each ^ 0xFF for each in content[middle : middle + 4])
    file.write_bytes(content)


def test_skopeo_lists_inspects_and_copies(
    registry: RawRegistry, skopeo: Client, unique_name: str, tmp_path: Path
) -> None:
    digest = registry.push(unique_name, "v1", make_image(unique_name))
    source = f"docker://{registry.host}/{unique_name}"
    listed = skopeo("list-tags", source)
    assert json.loads(listed.stdout)["Tags"] == ["v1"], listed.stderr
    shown = skopeo("inspect", f"{source}:v1")
    assert json.loads(shown.stdout)["Digest"] == digest, shown.stderr
    out = skopeo("copy", f"{source}:v1", f"dir:{tmp_path / 'image'}")
    assert out.returncode == 0, out.stderr
    back = skopeo(
        "copy", f"dir:{tmp_path / 'image'}", f"docker://{registry.host}/{unique_name}/to:v2"
    )
    assert back.returncode == 0, back.stderr
    head = registry.call("GET", f"/v2/{unique_name}/to/manifests/v2")
    assert head.headers["docker-content-digest"] == digest


def test_skopeo_copies_between_repositories(
    registry: RawRegistry, skopeo: Client, unique_name: str
) -> None:
    digest = registry.push(unique_name, "v1", make_image(unique_name))
    here = f"docker://{registry.host}/{unique_name}"
    copied = skopeo("copy", f"{here}:v1", f"{here}/other:v1")
    assert copied.returncode == 0, copied.stderr
    head = registry.call("GET", f"/v2/{unique_name}/other/manifests/v1")
    assert head.headers["docker-content-digest"] == digest


def test_skopeo_without_a_login_is_refused(registry: RawRegistry, unique_name: str) -> None:
    if not shutil.which("skopeo"):
        pytest.skip("skopeo is not installed")
    registry.push(unique_name, "v1", make_image(unique_name))
    answer = run(
        "skopeo", "inspect", "--no-creds", "--tls-verify=false",
        f"docker://{registry.host}/{unique_name}:v1",
    )  # fmt: skip
    assert answer.returncode != 0
    assert "unauthorized" in answer.stderr.lower()


def test_skopeo_refuses_a_blob_that_was_tampered_with(
    registry: RawRegistry, skopeo: Client, unique_name: str, tmp_path: Path
) -> None:
    image = make_image(unique_name)
    registry.push(unique_name, "v1", image)
    tamper(blob_file(registry, digest_of(image.layer)))
    source = f"docker://{registry.host}/{unique_name}:v1"
    answer = skopeo("copy", source, f"dir:{tmp_path / 'image'}")
    assert answer.returncode != 0
    assert "digest" in answer.stderr.lower()


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Docker daemon of our own; yields the address of its socket."""
    if not (shutil.which("dockerd") and shutil.which("docker")) or os.geteuid() != 0:
        pytest.skip("no dockerd here that we may start")
    folder = tmp_path_factory.mktemp("dockerd")
    short = Path(tempfile.mkdtemp(prefix="la-"))  # a socket's path has 107 characters at most
    address = f"unix://{short}/d.sock"
    with (folder / "log").open("wb") as out:
        process = subprocess.Popen(
            ["dockerd", "--data-root", str(folder / "data"), "--exec-root", str(short / "exec"),
             "--host", address, "--pidfile", str(short / "pid"), "--iptables=false",
             "--bridge=none", "--ip-forward=false"],
            stdout=out, stderr=out,
        )  # fmt: skip
    try:
        if not _is_up(address, process):
            pytest.skip(f"dockerd does not start here: see {folder / 'log'}")
        yield address
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)
        shutil.rmtree(short, ignore_errors=True)


def _is_up(address: str, process: subprocess.Popen[Any]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if run("docker", "-H", address, "version").returncode == 0:
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def docker(daemon: str, registry: RawRegistry, tmp_path: Path) -> Client:
    """docker, signed in with its configuration in a folder of the test's own."""

    def client(*words: str, given: str | bytes = "") -> subprocess.CompletedProcess[str]:
        config = str(tmp_path / "docker")
        return run("docker", "--config", config, "-H", daemon, *words, given=given)

    signed_in = client(
        "login", registry.host, "--username", TOKEN_USER, "--password-stdin",
        given=registry.refresh_token(),
    )  # fmt: skip
    assert "Login Succeeded" in signed_in.stdout, signed_in.stderr
    return client


def layer_of(text: str) -> bytes:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        member = tarfile.TarInfo("hello.txt")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text.encode()))
    return plain.getvalue()


def test_docker_pushes_and_pulls(registry: RawRegistry, docker: Client, unique_name: str) -> None:
    name = f"{registry.host}/{unique_name}:v1"
    assert docker("import", "-", name, given=layer_of(unique_name)).returncode == 0
    pushed = docker("push", name)
    assert pushed.returncode == 0, pushed.stderr
    head = registry.call("GET", f"/v2/{unique_name}/manifests/v1")
    digest = head.headers["docker-content-digest"]
    assert digest in pushed.stdout
    assert docker("rmi", name).returncode == 0
    pulled = docker("pull", f"{registry.host}/{unique_name}@{digest}")
    assert pulled.returncode == 0, pulled.stderr
    assert digest in pulled.stdout


def test_docker_mounts_what_the_registry_has(
    registry: RawRegistry, docker: Client, unique_name: str
) -> None:
    first, second = (f"{registry.host}/{unique_name}/{n}:v1" for n in ("a", "b"))
    docker("import", "-", first, given=layer_of(unique_name))
    docker("push", first)
    docker("tag", first, second)
    pushed = docker("push", second)
    assert pushed.returncode == 0, pushed.stderr
    assert f"Mounted from {unique_name}/a" in pushed.stdout


def test_docker_refuses_a_blob_that_was_tampered_with(
    registry: RawRegistry, docker: Client, unique_name: str
) -> None:
    name = f"{registry.host}/{unique_name}:v1"
    docker("import", "-", name, given=layer_of(unique_name))
    docker("push", name)
    docker("rmi", name)
    manifest = registry.call("GET", f"/v2/{unique_name}/manifests/v1").json()
    tamper(blob_file(registry, manifest["layers"][0]["digest"]))
    pulled = docker("pull", name)
    assert pulled.returncode != 0
    assert "verification failed" in pulled.stderr


def test_docker_without_a_login_is_refused(
    registry: RawRegistry, docker: Client, unique_name: str
) -> None:
    registry.push(unique_name, "v1", make_image(unique_name))
    docker("logout", registry.host)
    pulled = docker("pull", f"{registry.host}/{unique_name}:v1")
    assert pulled.returncode != 0
    assert "unauthorized" in pulled.stderr
