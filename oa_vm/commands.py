"""The commands of `oa-vm`, and the one place where errors become a line and an exit code."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress

import typer
from rich.text import Text

from local_azure.control import LocalAzureError
from oa_vm import (
    costs,
    evaluate,
    idle,
    image,
    inside,
    local,
    pool,
    resources,
    service,
    timings,
)
from oa_vm.main import INTERRUPTED
from oa_vm.output import FAILED, UNKNOWN, err, exit_code
from oa_vm.watch import ServerLostError, end_at_once
from vmpool.errors import VmPoolError

app = typer.Typer(
    name="oa-vm",
    help="Pools of Windows Agent Arena VMs: ready quickly, paused cheaply, never forgotten.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    pool.pool_create,
    pool.pool_resume,
    pool.pool_pause,
    pool.pool_status,
    pool.pool_extend,
    pool.pool_keep,
    pool.pool_cleanup,
    evaluate.pool_eval,
    idle.idle_cleanup,
    inside.pool_tunnel,
    inside.pool_vnc,
    inside.pool_logs,
    inside.pool_ssh,
    inside.pool_exec,
    image.image_create,
    image.image_list,
    image.image_delete,
    image.image_refresh,
    image.image_push,
    image.image_pull,
    resources.resources,
    costs.costs,
    timings.timings,
    service.up,
    service.down,
    service.demo,
    service.doctor,
):
    app.command(command.__name__.replace("_", "-"))(command)
app.add_typer(local.app, name="local")


def run() -> None:
    """Run the command line; a known error is one line and its exit code, never a traceback."""
    try:
        app()
    except ServerLostError as error:
        _say(error)
        end_at_once(FAILED)
    except VmPoolError as error:
        _say(error)
        sys.exit(exit_code(error))
    except (LocalAzureError, OSError) as error:
        _say(error)
        sys.exit(UNKNOWN if isinstance(error, LocalAzureError) else FAILED)
    except KeyboardInterrupt as interrupt:
        _say(interrupt)
        sys.exit(INTERRUPTED)
    except SystemExit as end:
        if cause := _interrupt(end):
            signal.signal(signal.SIGINT, lambda *_: end_at_once(INTERRUPTED))  # all is said
            _say(cause)
        raise


def _say(error: BaseException) -> None:
    with suppress(OSError):  # the terminal was closed
        err.print(Text.assemble(("oa-vm: ", "bold red"), str(error) or "interrupted"))


def _interrupt(end: SystemExit) -> KeyboardInterrupt | None:
    """The Ctrl-C that Typer made an exit code of; 130 alone may be what a worker's shell said."""
    cause = end.__context__.__cause__ if end.__context__ else None
    return cause if isinstance(cause, KeyboardInterrupt) else None
