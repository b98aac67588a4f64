from __future__ import annotations

from collections.abc import Iterator

import pytest
from world import Run, World

from flows.pool_create import pool_create
from flows.pool_pause import pool_pause
from flows.pool_resume import pool_resume
from vmpool import tags

DEALLOCATED, STOPPED, RUNNING = 0, 1, 2
"""Where each worker of the pool stands before it is resumed."""


class Story:
    """A pool that was created, paused and then resumed from three different states."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.run_now(pool_create, workers=3)
        self.timers_at_first = self.timers()
        self.pause = world.run_now(pool_pause)
        self.power_when_paused = [world.power(i) for i in range(3)]
        self.windows_when_paused = [world.tags(i)[tags.WINDOWS] for i in range(3)]
        world.do(STOPPED, "start")
        world.do(STOPPED, "powerOff")
        world.do(RUNNING, "start")
        self.power_before = [world.power(i) for i in range(3)]
        self.resume = world.run_now(pool_resume)
        self.timers_when_resumed = self.timers()
        self.logs = [world.windows_log(i) for i in range(3)]
        self.again = world.run_now(pool_resume)
        self.timers_at_last = self.timers()

    def timers(self) -> list[str]:
        """When each worker is due."""
        return [self.world.tags(i)[tags.AUTO_PAUSE_AT] for i in range(3)]

    def phases(self, run: Run, index: int) -> dict[str, str]:
        """Phases of a worker in a run."""
        return run.phases(self.world.worker(index))


@pytest.fixture(scope="module")
def story(shared_world: World) -> Iterator[Story]:
    return Story(shared_world)


def test_paused_means_that_every_vm_is_deallocated(story: Story) -> None:
    assert story.pause.status["state"] == "paused"
    assert story.power_when_paused == ["deallocated"] * 3


def test_windows_is_powered_off_in_order_before_its_vm_is_deallocated(story: Story) -> None:
    assert story.windows_when_paused == ["off"] * 3


def test_windows_boots_warm_after_a_pause(story: Story) -> None:
    assert all("Booting Windows" in log for log in story.logs)
    assert not any("Downloading Windows" in log for log in story.logs)


def test_the_states_to_resume_from_are_three_different_ones(story: Story) -> None:
    assert story.power_before == ["deallocated", "stopped", "running"]
    assert story.resume.status["state"] == "ready"


@pytest.mark.parametrize("index", [DEALLOCATED, STOPPED])
def test_a_worker_without_power_is_started(story: Story, index: int) -> None:
    assert "start-vm" in story.phases(story.resume, index)


def test_a_running_worker_is_not_started(story: Story) -> None:
    assert "start-vm" not in story.phases(story.resume, RUNNING)


@pytest.mark.parametrize("index", [DEALLOCATED, STOPPED, RUNNING])
def test_docker_and_images_are_found_not_made_again(story: Story, index: int) -> None:
    phases = story.phases(story.resume, index)
    for phase in ("prepare-docker", "pull-image", "build-image"):
        assert phases[phase] == "was there"
    assert phases["start-waa"] == "container started"
    assert "create-vm" not in phases


def test_a_ready_worker_is_only_looked_at(story: Story) -> None:
    for index in range(3):
        phases = story.phases(story.again, index)
        assert phases["start-waa"] == "was running"
        assert "start-vm" not in phases


def test_every_resume_arms_the_timer_anew(story: Story) -> None:
    first, resumed, last = story.timers_at_first, story.timers_when_resumed, story.timers_at_last
    for before, between, after in zip(first, resumed, last, strict=True):
        assert before < between < after


async def test_who_resumes_from_elsewhere_is_let_in(story: Story) -> None:
    """Addresses change; the rule of the pool's creator must not lock its user out."""
    world = story.world
    name = f"{world.pool}-eastus-nsg"
    path = f"{world.path}/providers/Microsoft.Network/networkSecurityGroups/{name}"
    group = world.raw.get(path)
    (rule,) = group["properties"]["securityRules"]
    rule["properties"]["sourceAddressPrefixes"] = ["203.0.113.7/32"]
    world.raw.do("PUT", path, {k: group[k] for k in ("location", "tags", "properties")})
    run = await world.run(pool_resume)
    assert run.status["state"] == "ready"
    (rule,) = world.raw.get(path)["properties"]["securityRules"]
    assert rule["properties"]["sourceAddressPrefixes"] == ["203.0.113.7/32", "127.0.0.1/32"]


async def test_a_deallocation_that_fails_is_not_called_paused(story: Story) -> None:
    """The others are deallocated, the error says who is not, and running it again finishes."""
    world = story.world
    await world.run(pool_resume)
    world.fault(
        kind="operation",
        operation="vm.deallocate",
        resource=world.worker(1),
        code="VMAgentStatusCommunicationError",
        times=1,
    )
    failed = await world.run(pool_pause)
    assert f"{world.worker(1)} is stopped" in str(failed.error)
    assert "is not paused" in str(failed.error)
    assert [world.power(i) for i in range(3)] == ["deallocated", "stopped", "deallocated"]
    again = await world.run(pool_pause)
    assert again.status["state"] == "paused"
    assert world.power(1) == "deallocated"


async def test_trouble_on_the_way_down_never_keeps_a_vm_running(story: Story) -> None:
    """Windows frozen, SSH gone, tags that can't be written: deallocated all the same, and said."""
    world = story.world
    await world.run(pool_resume)
    world.hurt(0, "windows-frozen")
    world.hurt(1, "ssh-refused")
    world.hurt(1, "ssh-cut")
    world.fault(
        kind="error",
        method="PATCH",
        path=f"{world.worker(2)}/providers/Microsoft.Resources/tags",
        status=409,
        code="Nonsense",
    )
    run = await world.run(pool_pause)
    world.raw.clear_faults()
    assert run.status["state"] == "paused"
    assert [world.power(i) for i in range(3)] == ["deallocated"] * 3
    assert world.tags(0)[tags.WINDOWS] == "unknown"
    assert world.tags(1)[tags.WINDOWS] == "unknown"
    assert sum("Windows was not" in warning for warning in run.status["warnings"]) == 3


async def test_every_deallocation_is_fired_before_any_has_ended(story: Story) -> None:
    """None of them ends, so whoever waited for one would fire no other."""
    world = story.world
    await world.run(pool_resume)
    world.forget_requests()
    world.fault(kind="operation", operation="vm.deallocate", resource=world.pool, mode="stuck")
    run = await world.run(pool_pause)
    fired = [r["path"] for r in world.requests() if r["path"].endswith("/deallocate")]
    assert len(set(fired)) == 3
    assert "is not paused" in str(run.error)
