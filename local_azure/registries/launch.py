"""Starts a program that ends when its parent ends, however that happens (Linux only).

Runs as a script, in place of the program: tells the kernel, then becomes the program. It drops
`REGISTRY_*` variables, which would overrule the configuration file, the address to listen on
included. Usage: launch.py PARENT_PID PROGRAM ARGUMENT...
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
"""`prctl(2)`."""


def main() -> None:
    """Become the program, unless the parent is gone already."""
    parent, program = int(sys.argv[1]), sys.argv[2]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        return
    pairs = (each.partition(b"=") for each in Path("/proc/self/environ").read_bytes().split(b"\0"))
    kept = {name: value for name, _, value in pairs if name and not name.startswith(b"REGISTRY_")}
    os.execve(program, sys.argv[2:], kept)  # noqa: S606 # that is what this script is for


if __name__ == "__main__":
    main()
