"""What the services inside the Windows container answer over HTTP.

Two services: WAA's own server (5000) and dockur's viewer page (8006). GET only.
"""

from __future__ import annotations

import json
from functools import cache

from local_azure.guests.simulated import pictures

WAA_PORT, VIEWER_PORT = 5000, 8006
PROBE = {"status": "Probe successful", "message": "Service is operational"}
PAGE = (
    b"<!DOCTYPE html><html><head><title>Windows</title></head>"
    b"<body><p>Windows in a simulated guest.</p></body></html>\n"
)
REASONS = {200: "OK", 404: "NOT FOUND", 405: "METHOD NOT ALLOWED", 400: "BAD REQUEST"}


def respond(port: int, head: bytes) -> tuple[bytes, bool]:
    """Answer one request.

    Args:
        port: port inside the container.
        head: request line and headers.

    Returns:
        The whole answer, and whether the connection is kept.
    """
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3:  # noqa: PLR2004 # method, target, version
        return _answer(400, "text/plain", b"bad request\n", is_kept=False), False
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in lines[1:])
    }
    is_kept = words[2] == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    status, kind, body = content(port, words[0], words[1])
    return _answer(status, kind, body, is_kept=is_kept), is_kept


def content(port: int, method: str, target: str) -> tuple[int, str, bytes]:
    """Status, content type and body of a resource of Windows that is up and not frozen."""
    path = target.partition("?")[0]
    if method != "GET":
        return 405, "text/plain", b"method not allowed\n"
    if port == WAA_PORT and path == "/probe":
        return 200, "application/json", f"{json.dumps(PROBE)}\n".encode()
    if port == WAA_PORT and path == "/screenshot":
        return 200, "image/png", _desktop()
    if port == VIEWER_PORT and path in ("/", "/index.html"):
        return 200, "text/html", PAGE
    return 404, "text/plain", b"not found\n"


@cache
def _desktop() -> bytes:
    return pictures.desktop(is_frozen=False).png()


def _answer(status: int, kind: str, body: bytes, *, is_kept: bool) -> bytes:
    head = (
        f"HTTP/1.1 {status} {REASONS[status]}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        f"Connection: {'keep-alive' if is_kept else 'close'}\r\n\r\n"
    )
    return head.encode() + body
