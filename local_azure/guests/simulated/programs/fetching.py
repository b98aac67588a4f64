"""curl, to the guest's own services only: a simulated guest has no way out to any network."""

from __future__ import annotations

from urllib.parse import urlsplit

from local_azure.guests.simulated.forward import LOCAL_NAMES
from local_azure.guests.simulated.programs.options import grammar
from local_azure.guests.simulated.running import ProgramError, Run
from local_azure.guests.simulated.web import content

CURL = grammar(
    "-s -S -f -L -k -i --silent --show-error --fail --location",
    "-m --max-time --connect-timeout -o --output -w --write-out --retry",
    code=2,
)
NO_HOST, REFUSED, HTTP_ERROR, TIMED_OUT, NO_ANSWER = 6, 7, 22, 28, 56
LOST = 400
DEFAULT_PATIENCE_SECONDS = 300.0


async def curl(run: Run) -> int:
    """`curl [-s] [-f] [-m SECONDS] http://localhost:PORT/PATH`."""
    options = CURL.parse("curl", run.arguments)
    if len(options.rest) != 1:
        raise ProgramError("curl: (2) no URL specified", 2)
    address = options.rest[0] if "://" in options.rest[0] else f"http://{options.rest[0]}"
    url = urlsplit(address)
    patience = float(options.last("-m", "--max-time") or DEFAULT_PATIENCE_SECONDS)
    status, body = await _fetch(run, url.hostname or "", url.port or 80, url.path or "/", patience)
    if status >= LOST and options.has("-f", "--fail"):
        raise ProgramError(f"curl: ({HTTP_ERROR}) The requested URL returned error: {status}", 22)
    if options.last("-o", "--output") != "/dev/null":
        run.write(body)
    form = options.last("-w", "--write-out")
    run.write(form.replace("%{http_code}", str(status)).replace("\\n", "\n").encode())
    return 0


async def _fetch(run: Run, host: str, port: int, path: str, patience: float) -> tuple[int, bytes]:
    guest, now = run.guest, run.guest.clock.now()
    if host not in LOCAL_NAMES | {guest.spec.name}:
        raise ProgramError(f"curl: ({NO_HOST}) Could not resolve host: {host}", NO_HOST)
    service = guest.docker.service(port, now)
    if service is None:
        raise ProgramError(f"curl: ({REFUSED}) Failed to connect to {host} port {port}", REFUSED)
    state = guest.docker.service_state(service, now)
    if state == "frozen":
        await guest.clock.sleep_until(now + patience)
        raise ProgramError(f"curl: ({TIMED_OUT}) Operation timed out", TIMED_OUT)
    if state == "closed":
        raise ProgramError(f"curl: ({NO_ANSWER}) Recv failure: Connection reset by peer", NO_ANSWER)
    status, _, body = content(service.container_port, "GET", path)
    return status, body


PROGRAMS = {"curl": curl}
