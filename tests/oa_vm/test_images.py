"""What `image-list` shows of images of both kinds."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess

import pytest
from arm_pools import IMAGE_NAME, connected, finish, generalized_vm, golden_image
from command_line import AT_A_TERMINAL, OA_VM, CommandLine, InProcess

from local_azure import control
from vmpool.arm import images, tagging
from vmpool.golden import ImageKind


@pytest.fixture(scope="module")
def with_images(oa_vm: CommandLine) -> CommandLine:
    """A command line whose Azure holds a managed image and one in a gallery, both stale."""
    status = control.status(oa_vm.state_dir / "azure")
    assert status
    cloud = connected(status, oa_vm.state_dir)
    vm = generalized_vm(cloud, "box")
    managed = golden_image(ImageKind.MANAGED)
    replicated = golden_image(ImageKind.GALLERY, "northeurope", "westeurope")
    for image in (managed, replicated):
        image = images.with_resource_id(cloud, image)  # noqa: PLW2901 # the same, completed
        finish(images.begin_capture(cloud, vm, image))
        tagging.merge_tags(cloud, image.resource_id, {"waa-image-boot-seconds": "1234"})
    return oa_vm


def test_images_of_both_kinds_fit_a_terminal(with_images: CommandLine) -> None:
    lines = InProcess(with_images.state_dir, **AT_A_TERMINAL)("image-list").out.splitlines()
    assert max(len(line) for line in lines) <= 80
    rows = [line.split()[:2] for line in lines if line.startswith(f"{IMAGE_NAME} ")]
    assert rows == [[IMAGE_NAME, "candidate"]] * 2 + [[IMAGE_NAME, "128"]] * 2
    words = " ".join(lines).split()
    assert {"managed", "gallery", "northeurope", "westeurope", "stale"} <= set(words)


def test_the_document_tells_kind_regions_and_what_each_copy_adds(with_images: CommandLine) -> None:
    listed = json.loads(with_images("image-list", "--json").out)["images"]
    told = {item["kind"]: (item["regions"], item["usd_per_month"]) for item in listed}
    one = told["managed"][1]
    assert told["managed"][0] == ["eastus"]
    assert told["gallery"] == (["eastus", "northeurope", "westeurope"], pytest.approx(3 * one))


@pytest.mark.parametrize("command", ["image-push", "image-pull"])
def test_a_dry_run_says_what_a_registry_lacks_and_makes_none(
    with_images: CommandLine, command: str
) -> None:
    answer = with_images(command, "--dry-run")
    assert (answer.code, "registry" in answer.out.lower()) == (0, True)
    assert json.loads(with_images("image-list", "--json").out)["registry"] is None


@pytest.mark.parametrize(
    ("keys", "code", "words"), [(b"n\r", 1, "Aborted."), (None, 130, "oa-vm: interrupted")]
)
def test_whoever_does_not_want_to_delete_leaves_with_a_line(
    with_images: CommandLine, keys: bytes | None, code: int, words: str
) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [OA_VM, "image-delete", IMAGE_NAME],
        env={**with_images.environment, "TERM": "dumb"},
        cwd=with_images.state_dir,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = ""
    while "? [y/N]: " not in seen:
        seen += os.read(ours, 1000).decode()
    os.write(ours, keys or b"")
    while words not in seen:
        if select.select([ours], [], [], 1.0)[0]:
            seen += os.read(ours, 1000).decode()
        elif keys is None:  # again: one that comes just before readline waits is seen after it
            process.send_signal(signal.SIGINT)
    assert f"\r\n{words}" in seen
    assert process.wait(30) == code
    os.close(ours)
    assert len(json.loads(with_images("image-list", "--json").out)["images"]) == 2
