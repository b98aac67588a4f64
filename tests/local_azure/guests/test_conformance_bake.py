"""What a host must offer to whoever makes an image of it: cleaning up, and looking what is left."""

from __future__ import annotations

import pytest
from guest_machine import Machine, Make

SECRET = "sesame-7f3a"


async def test_deprovision_leaves_the_home_and_forgets_the_agents_data(guest: Machine) -> None:
    await guest.must("touch keep.txt && sudo touch /root/.bash_history /etc/resolv.conf")
    out = await guest.must("sudo waagent -deprovision -force")
    assert out.splitlines()[0] == "WARNING! The waagent service will be stopped."
    await guest.must("test -f keep.txt && test -s .ssh/authorized_keys")
    await guest.must("sudo test -f /etc/ssh/ssh_host_ed25519_key")
    for path in ("/var/lib/waagent", "/root/.bash_history", "/etc/resolv.conf"):
        assert (await guest.run(f"sudo test -e {path}")).code == 1
    assert await guest.must("cat /etc/hostname") == "localhost.localdomain\n"
    skipped = await guest.must("sudo waagent -deprovision+user -force")
    assert "WARNING! Skip delete user." in skipped
    await guest.must("test -f keep.txt")


async def test_deprovision_deletes_host_keys_only_when_configured(guest: Machine) -> None:
    await guest.must("sudo tee /etc/waagent.conf", "Provisioning.RegenerateSshHostKeyPair=y\n")
    await guest.must("sudo waagent -deprovision -force")
    assert await guest.must("sudo find /etc/ssh -name 'ssh_host_*'") == ""


async def test_deprovision_keeps_the_user_data_and_cloud_init_clean_deletes_it(
    machine: Make,
) -> None:
    guest = machine(user_data=f"#cloud-config\n# {SECRET}\nruncmd: [[echo, hello]]\n".encode())
    await guest.install()
    await guest.must("sudo waagent -deprovision -force")
    found = await guest.must(f"sudo grep -rlI {SECRET} /var/lib/cloud")
    assert found.splitlines() == ["/var/lib/cloud/instance/user-data.txt"]
    await guest.must("test -f /var/log/cloud-init-output.log")
    assert (await guest.run("cloud-init clean --logs")).code == 1
    await guest.must("sudo cloud-init clean --logs --machine-id")
    assert (await guest.run(f"sudo grep -rqI {SECRET} /var /etc /home /root")).code == 1
    assert (await guest.run("test -e /var/log/cloud-init-output.log")).code == 1
    assert await guest.must("cat /etc/machine-id") == "uninitialized\n"
    await guest.power_off(is_orderly=True)
    await guest.boot()
    assert len(await guest.must("cat /etc/machine-id")) == 33
    await guest.must("sudo test -f /var/lib/cloud/instance/user-data.txt")


async def test_cleaned_host_does_not_run_its_user_data_again_before_it_boots(
    machine: Make,
) -> None:
    guest = machine(user_data=b"#cloud-config\nruncmd: ['tee -a /opt/count']\n")
    await guest.install()
    await guest.must("sudo cloud-init clean")
    await guest.restart_server()
    await guest.pass_time(300)
    assert (await guest.must("cloud-init status")).strip() == "status: done"
    await guest.must("test ! -e /var/lib/cloud/data/record.json")


async def test_docker_prunes_containers_and_cache_and_keeps_images(docker: Machine) -> None:
    await docker.must("mkdir app && tee app/Dockerfile", "FROM alpine\nRUN true\n")
    await docker.must("docker build -q -t app app && docker run -d --name old alpine true")
    await docker.must("docker run -d --name busy alpine sleep infinity")
    rows = await docker.must("docker system df --format '{{.Type}}={{.TotalCount}}'")
    assert "Containers=2" in rows
    assert "Build Cache=0" not in rows
    for command in ("docker builder prune -a", "docker container prune"):
        assert (await docker.run(command)).code == 1
    assert "Total:" in await docker.must("docker builder prune -af")
    assert "Total reclaimed space: 0B" in await docker.must("docker container prune -f")
    assert await docker.must("docker ps -a --format '{{.Names}}'") == "busy\n"
    rows = await docker.must("docker system df --format '{{.Type}}={{.TotalCount}}'")
    assert rows.splitlines() == ["Images=2", "Containers=1", "Local Volumes=0", "Build Cache=0"]
    assert (await docker.must("docker system df")).startswith("TYPE ")
    await docker.must("docker image prune -af")
    assert await docker.must("docker images --format '{{.Repository}}'") == "alpine\n"


async def test_apt_clean_empties_the_archive_and_leaves_the_lists(docker: Machine) -> None:
    await docker.must("sudo apt-get update")
    assert "docker.io.deb" in await docker.must("ls /var/cache/apt/archives")
    assert (await docker.run("apt-get clean")).code == 100
    await docker.must("sudo apt-get clean && sudo apt-get autoremove -y")
    assert await docker.must("find /var/cache/apt/archives -type f") == ""
    await docker.must("sudo rm -rf /var/lib/apt/lists/*")
    assert await docker.must("find /var/lib/apt/lists") == "/var/lib/apt/lists\n"
    await docker.must("docker --version")


async def test_journal_is_rotated_and_vacuumed(guest: Machine) -> None:
    assert (await guest.run("journalctl --rotate")).code == 1
    await guest.must("sudo journalctl --rotate")
    assert len((await guest.must("ls /var/log/journal")).split()) == 2
    done = await guest.run("sudo journalctl --vacuum-time=1s")
    assert "Vacuuming done" in done.err
    await guest.pass_time(5)
    await guest.must("sudo journalctl --vacuum-time=1s")
    assert await guest.must("ls /var/log/journal") == "system.journal\n"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (". -type f", ["./.hidden", "./a.log", "./b/c.log", "./b/e.bin"]),
        (". -name '*.log'", ["./a.log", "./b/c.log"]),
        (". -maxdepth 1 -name '*.log'", ["./a.log"]),
        (". -mindepth 1 -type d", ["./b", "./b/d"]),
        (". -type f ! -name '*.log'", ["./.hidden", "./b/e.bin"]),
        (". -empty", ["./.hidden", "./b/d"]),
        ("b a.log", ["b", "b/c.log", "b/d", "b/e.bin", "a.log"]),
        (". -type f -size +3k", ["./b/e.bin"]),
    ],
)
async def test_find_shows_what_fits(guest: Machine, words: str, found: list[str]) -> None:
    await make_tree(guest)
    out = await guest.must(f"find {words}")
    ours = [line for line in out.splitlines() if "/.ssh" not in line]
    assert sorted(ours) == sorted(found)


async def make_tree(guest: Machine) -> None:
    await guest.must("mkdir -p b/d && touch .hidden && tee a.log", "one\ntwo secret\n")
    await guest.must("tee b/c.log", "Secret [1]\n")
    await guest.must("truncate -s 4K b/e.bin")


async def test_find_deletes_what_is_inside_first(guest: Machine) -> None:
    await make_tree(guest)
    await guest.must("find b -delete")
    assert (await guest.run("test -e b")).code == 1
    missing = await guest.run("find nowhere")
    assert (missing.code, missing.err) == (1, "find: 'nowhere': No such file or directory\n")
    assert (await guest.run("find . -exec rm")).err == "find: unknown predicate `-exec'\n"
    assert (await guest.run("find /root")).code == 1
    assert (await guest.run("find /etc/os-release -delete")).code == 1


@pytest.mark.parametrize(
    ("words", "code", "out"),
    [
        ("-r secret a.log b", 0, "a.log:two secret\n"),
        ("-ri secret a.log b", 0, "a.log:two secret\nb/c.log:Secret [1]\n"),
        ("-rl one .", 0, "./a.log\n"),
        ("-n two a.log", 0, "2:two secret\n"),
        ("-c . a.log", 0, "2\n"),
        ("-q nothing a.log", 1, ""),
        ("-F '[1]' b/c.log", 0, "Secret [1]\n"),
        ("-E 'one|two' a.log", 0, "one\ntwo secret\n"),
        ("'one|two' a.log", 1, ""),
        ("-o 'se[a-z]*' a.log", 0, "secret\n"),
        ("-v one a.log", 0, "two secret\n"),
        ("one nowhere", 2, ""),
        ("-s one nowhere", 2, ""),
        ("one b", 2, ""),
        ("-rlI --include '*.bin' . b", 1, ""),
    ],
)
async def test_grep_finds_lines(guest: Machine, words: str, code: int, out: str) -> None:
    await make_tree(guest)
    result = await guest.run(f"grep {words}")
    assert (result.code, result.out) == (code, out)


async def test_grep_reads_standard_input_and_respects_rights(guest: Machine) -> None:
    assert await guest.must("grep -c l", "hello\nworld\nno\n") == "2\n"
    refused = await guest.run("grep -r PRIVATE /etc/ssh")
    assert refused.code == 2
    assert "PRIVATE KEY" in await guest.must("sudo grep -rh PRIVATE /etc/ssh")


async def test_truncate_empties_makes_and_grows(guest: Machine) -> None:
    await guest.must("tee log", "text\n")
    await guest.must("truncate -s 0 log new && truncate -c -s 0 never")
    assert await guest.must("stat -c %s log new") == "0\n0\n"
    assert (await guest.run("test -e never")).code == 1
    assert (await guest.run("truncate log")).code == 1
    assert (await guest.run("truncate -s 0 /etc/os-release")).code == 1


async def test_patterns_stand_for_files_outside_quotes(guest: Machine) -> None:
    await guest.must("mkdir logs && touch logs/a.log logs/b.log logs/.hidden logs/keep")
    assert await guest.must("ls -d logs/*.log") == "logs/a.log\nlogs/b.log\n"
    assert await guest.must("echo 'logs/*' logs/x*") == "logs/* logs/x*\n"
    await guest.must("rm -rf ~/logs/?.log")
    assert await guest.must("ls -a logs") == ".hidden\nkeep\n"


async def test_keys_that_the_disk_brought_still_open_the_door(machine: Make) -> None:
    first = machine()
    await first.boot()
    await first.power_off(is_orderly=True)
    second = machine(os_disk=first.spec.os_disk)
    await second.boot()
    async with second.connect(client_keys=[first.key]):
        pass
    assert len((await second.must("cat .ssh/authorized_keys")).splitlines()) == 2
