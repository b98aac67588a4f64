"""Who is still there to read what a command holds open."""

from __future__ import annotations

import contextlib
import os
import pty
import socket
from pathlib import Path

from oa_vm.output import has_reader


def test_a_pipe_is_read_until_its_other_end_is_closed() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as output:
        assert has_reader(output)
        os.close(reader)
        assert not has_reader(output)


def test_a_full_pipe_has_a_reader_who_takes_its_time() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(65_536))
    with os.fdopen(writer, "w") as output:
        assert has_reader(output)
    os.close(reader)


def test_a_socket_is_read_until_its_other_end_is_closed() -> None:
    ours, theirs = socket.socketpair()
    with ours, ours.makefile("w") as output:
        assert has_reader(output)
        theirs.close()
        assert not has_reader(output)


def test_a_file_is_always_read(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as output:
        assert has_reader(output)


def test_a_terminal_tells_its_end_by_a_signal() -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as output:
        assert has_reader(output)
        os.close(ours)
        assert has_reader(output)
