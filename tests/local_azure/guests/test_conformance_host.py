"""What any guest, simulated or real, must do as a host: programs, rights, files, cloud-init."""

from __future__ import annotations

import json
from pathlib import Path

import asyncssh
import pytest
from guest_machine import Machine, Make


@pytest.mark.parametrize(
    ("command", "code", "out"),
    [
        ("true", 0, ""),
        ("false", 1, ""),
        ("whoami", 0, "azureuser\n"),
        ("sudo whoami", 0, "root\n"),
        ("sudo -n -E whoami", 0, "root\n"),
        ("nosuchprogram", 127, ""),
        ("true && echo yes", 0, "yes\n"),
        ("false && echo yes", 1, ""),
        ("false || echo no", 0, "no\n"),
        ("echo 'two words' \"and $USER\"", 0, "two words and azureuser\n"),
        ("sh -c 'echo inner'", 0, "inner\n"),
        ("echo piped | cat", 0, "piped\n"),
        ("cat /nowhere 2>/dev/null", 1, ""),
        ("test -e /etc/os-release", 0, ""),
        ("test -d /etc", 0, ""),
        ("test -f /etc", 1, ""),
        ("test -s /nowhere", 1, ""),
        ("[ 1 -lt 2 ]", 0, ""),
        ("nproc", 0, "8\n"),
        ("uname -s", 0, "Linux\n"),
        ("systemctl is-active ssh", 0, "active\n"),
        ("systemctl is-active docker", 3, "inactive\n"),
        ("docker ps", 127, ""),
    ],
)
async def test_program_answers_as_on_ubuntu(
    guest: Machine, command: str, code: int, out: str
) -> None:
    result = await guest.run(command)
    assert (result.code, result.out) == (code, out)


async def test_unknown_program_is_reported_as_bash_does(guest: Machine) -> None:
    result = await guest.run("nosuchprogram --flag")
    assert result.err == "bash: line 1: nosuchprogram: command not found\n"


async def test_input_reaches_the_program(guest: Machine) -> None:
    await guest.must("tee note.txt", "first\n")
    await guest.must("tee -a note.txt", "second\n")
    assert await guest.must("cat ~/note.txt") == "first\nsecond\n"


async def test_administrator_needs_sudo_outside_home(guest: Machine) -> None:
    assert (await guest.run("mkdir /opt/waa")).code == 1
    assert (await guest.run("mkdir -p /home/azureuser/a/b && mkdir /tmp/c")).code == 0
    assert (await guest.run("sudo mkdir -p /opt/waa/storage")).code == 0
    assert (await guest.run("touch /opt/waa/storage/x")).code == 1


async def test_chown_gives_a_folder_away(guest: Machine) -> None:
    await guest.must("sudo mkdir /opt/waa && sudo chown -R azureuser:azureuser /opt/waa")
    await guest.must("touch /opt/waa/x && mv /opt/waa/x /opt/waa/y && test -f /opt/waa/y")


async def test_remove_obeys_its_flags(guest: Machine) -> None:
    await guest.must("mkdir -p d/e && touch d/e/f")
    assert (await guest.run("rm d")).code == 1
    assert (await guest.run("rm gone")).code == 1
    assert (await guest.run("rm -f gone")).code == 0
    await guest.must("rm -rf d")
    assert (await guest.run("test -e d")).code == 1


async def test_df_tells_bytes_available(guest: Machine) -> None:
    lines = (await guest.must("df -B1 --output=avail /")).split()
    assert lines[0] == "Avail"
    assert 100 << 30 < int(lines[1]) < 128 << 30


async def test_files_of_root_are_not_shown(guest: Machine) -> None:
    assert (await guest.run("cat /etc/ssh/ssh_host_ed25519_key")).code == 1
    assert "PRIVATE KEY" in await guest.must("sudo cat /etc/ssh/ssh_host_ed25519_key")


async def test_only_the_administrators_key_logs_in(guest: Machine) -> None:
    stranger = asyncssh.generate_private_key("ssh-ed25519")
    for options in (
        {"client_keys": [stranger]},
        {"username": "root"},
        {"client_keys": None, "password": "secret"},
        {"client_keys": None, "preferred_auth": "none"},
    ):
        with pytest.raises(asyncssh.PermissionDenied):
            async with guest.connect(**options):
                pass


async def test_host_key_is_that_of_the_user_data(machine: Make) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    private = key.export_private_key().decode().replace("\n", "\n    ")
    public = key.export_public_key().decode().strip()
    data = f"#cloud-config\nssh_keys:\n  ed25519_private: |\n    {private}\n"
    guest = machine(user_data=f"{data}  ed25519_public: {public}\n".encode())
    await guest.boot()
    known = asyncssh.import_known_hosts(f"[{guest.spec.address}]:{guest.port} {public}\n")
    async with guest.connect(known_hosts=known) as connection:
        assert (await connection.run("true")).exit_status == 0


async def test_generated_host_key_stays_on_the_disk(guest: Machine) -> None:
    async with guest.connect() as connection:
        before = connection.get_server_host_key().export_public_key()
    await guest.power_off(is_orderly=True)
    await guest.boot()
    async with guest.connect() as connection:
        assert connection.get_server_host_key().export_public_key() == before


async def test_cloud_init_installs_docker_after_ssh_is_open(machine: Make) -> None:
    guest = machine(user_data=b"#cloud-config\npackages: [docker.io]\n")
    await guest.boot()
    assert (await guest.run("cloud-init status")).out == "status: running\n"
    assert (await guest.run("sudo docker ps")).code == 1
    assert (await guest.patiently("cloud-init status --wait")).out.endswith("status: done\n")
    assert (await guest.run("sudo docker ps")).code == 0


async def test_cloud_init_writes_files_and_runs_commands(machine: Make) -> None:
    data = """#cloud-config
write_files:
  - {path: /etc/docker/daemon.json, content: '{"data-root": "/opt/docker"}'}
  - {path: /opt/bin.txt, encoding: b64, content: aGVsbG8=}
packages: [docker.io]
runcmd:
  - [mkdir, -p, /opt/waa/storage]
  - usermod -aG docker azureuser
"""
    guest = machine(user_data=data.encode())
    await guest.install()
    status = json.loads(await guest.must("cloud-init status --format json"))
    assert (status["status"], status["errors"]) == ("done", [])
    assert await guest.must("cat /opt/bin.txt") == "hello"
    assert await guest.must("docker info --format '{{.DockerRootDir}}'") == "/opt/docker\n"
    await guest.must("test -d /opt/waa/storage")


@pytest.mark.parametrize(
    ("data", "code", "word"),
    [
        ("#cloud-config\npackages: [nosuchpackage]\n", 1, "error"),
        ("#cloud-config\nruncmd: [[nosuchprogram]]\n", 1, "error"),
        ("#cloud-config\nnosuchkey: 1\n", 2, "done"),
        ("#cloud-config\ngroups: [{docker: [azureuser]}]\n", 2, "done"),
        ("#cloud-config\n{broken\n", 2, "done"),
        ("#cloud-config\nruncmd: [['false'], ['true']]\n", 0, "done"),
    ],
)
async def test_cloud_init_reports_what_went_wrong(
    machine: Make, data: str, code: int, word: str
) -> None:
    guest = machine(user_data=data.encode())
    await guest.install()
    result = await guest.patiently("cloud-init status --wait --format json")
    assert (result.code, json.loads(result.out)["status"]) == (code, word)


async def test_group_counts_from_the_next_login(docker: Machine) -> None:
    async with docker.connect() as connection:
        await connection.run("sudo usermod -aG adm,docker azureuser", check=True)
        assert (await connection.run("docker ps")).exit_status == 0
    machine = docker
    await machine.must("sudo systemctl restart docker")
    assert (await machine.run("docker ps")).code == 0


async def test_login_before_cloud_init_lacks_the_group_it_makes(machine: Make) -> None:
    data = b"#cloud-config\npackages: [docker.io]\nruncmd: ['usermod -aG docker azureuser']\n"
    guest = machine(user_data=data)
    await guest.boot()
    async with guest.connect() as early:
        await guest.pass_time(200)
        refused = await early.run("docker ps")
        assert refused.exit_status == 1
        assert "permission denied" in str(refused.stderr)
    assert (await guest.run("docker ps")).code == 0


async def test_deprovision_with_user_deletes_the_home(guest: Machine) -> None:
    await guest.must("touch keep.txt")
    await guest.must("sudo waagent -deprovision+user -force")
    assert not (guest.spec.os_disk / "home" / "azureuser").exists()
    with pytest.raises(asyncssh.PermissionDenied):
        async with guest.connect():
            pass


async def test_sftp_moves_folders_in_and_out(guest: Machine, tmp_path: Path) -> None:
    source = tmp_path / "context"
    (source / "inner").mkdir(parents=True)
    (source / "inner" / "file.bin").write_bytes(bytes(range(256)) * 1000)
    async with guest.connect() as connection, connection.start_sftp_client() as sftp:
        await sftp.put(source, "context", recurse=True)
        await sftp.get("/home/azureuser/context/inner/file.bin", tmp_path / "back.bin")
        assert await sftp.getcwd() == "/home/azureuser"
    assert (tmp_path / "back.bin").read_bytes() == bytes(range(256)) * 1000
    assert await guest.must("stat -c %s context/inner/file.bin") == "256000\n"


async def test_sftp_has_no_sudo(guest: Machine) -> None:
    async with guest.connect() as connection, connection.start_sftp_client() as sftp:
        for path in ("/opt/x", "/etc/passwd", "/mnt/x"):
            with pytest.raises(asyncssh.SFTPPermissionDenied):
                async with sftp.open(path, "w"):
                    pass
        async with sftp.open("/tmp/x", "w") as file:  # noqa: S108 # the guest's
            await file.write("free for all")


async def test_poweroff_reports_the_vm_as_stopped(guest: Machine) -> None:
    assert (await guest.run("poweroff")).code == 1
    await guest.run("sudo shutdown -h now")
    await guest.pass_time(10)
    assert guest.shut_down == [guest.spec.vm_id]
    with pytest.raises(OSError, match="Connect call failed"):
        await guest.run("true")


async def test_reboot_comes_back_with_its_disk(guest: Machine) -> None:
    await guest.must("touch keep.txt /tmp/gone.txt")
    await guest.run("sudo reboot")
    await guest.pass_time(60)
    await guest.must("test -f keep.txt")
    assert (await guest.run("test -e /tmp/gone.txt")).code == 1
    assert guest.shut_down == []
