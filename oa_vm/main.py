"""`oa-vm`: where the program starts. Light: whoever opens a shell waits for the hook."""

from __future__ import annotations

import sys

HOOK = ["resources", "--hook"]
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def main() -> None:
    """Run the command line; the start-up hook does without loading the other commands."""
    if sys.argv[1:] == HOOK:
        from oa_vm.hook import run_hook  # noqa: PLC0415 # not for the other commands

        run_hook()
    try:
        from oa_vm.commands import run  # noqa: PLC0415 # half a second that the hook does not need
    except KeyboardInterrupt:
        sys.stderr.write("oa-vm: interrupted\n")
        sys.exit(INTERRUPTED)
    run()


if __name__ == "__main__":
    main()
