"""Whether a status says that nothing would pause the pool: asked of a Prefect server's API.

A small HTTP server stands in for Prefect's here and answers as 3.8.8 does; the e2e tests ask a real
one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from oa_vm.guard import trouble_with_guard, warn_of_no_guard
from vmpool.settings import Settings

DEPLOYMENT = "/api/deployments/name/auto-pause/auto-pause"
SERVED: dict[str, Any] = {
    DEPLOYMENT: {"paused": False, "schedules": [{"active": True}], "work_pool_name": "local"},
    "/api/work_pools/local": {"is_paused": False},
    "/api/work_pools/local/workers/filter": [{"status": "OFFLINE"}, {"status": "ONLINE"}],
}


@contextmanager
def answering(answers: dict[str, Any]) -> Iterator[str]:
    """An HTTP server with these answers, 404 for the rest; its API address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answers.get(self.path, {})).encode()
            self.send_response(200 if self.path in answers else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], str]:
    """What is said when Prefect answers so."""
    settings = Settings(_env_file=None, state_dir=tmp_path)

    def ask(answers: dict[str, Any]) -> str:
        with answering(answers) as url:
            monkeypatch.setenv("PREFECT_API_URL", url)
            return trouble_with_guard(settings)

    return ask


def test_a_schedule_that_is_served_is_no_trouble(said: Callable[[dict[str, Any]], str]) -> None:
    assert not said(SERVED)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({DEPLOYMENT: {**SERVED[DEPLOYMENT], "paused": True}}, "schedule of auto-pause is off"),
        ({DEPLOYMENT: {**SERVED[DEPLOYMENT], "schedules": []}}, "schedule of auto-pause is off"),
        ({"/api/work_pools/local": {"is_paused": True}}, "no Prefect worker serves"),
        ({"/api/work_pools/local/workers/filter": []}, "no Prefect worker serves"),
        ({"/api/work_pools/local/workers/filter": "?"}, "unknown"),
    ],
)
def test_a_schedule_that_nobody_serves_is_said(
    said: Callable[[dict[str, Any]], str], changed: dict[str, Any], words: str
) -> None:
    assert words in said(SERVED | changed)


def test_a_schedule_that_is_not_there_is_said(said: Callable[[dict[str, Any]], str]) -> None:
    assert "not deployed" in said({})


def test_where_nobody_can_be_asked_that_is_no_all_clear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(_env_file=None, state_dir=tmp_path)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert "no Prefect server runs here" in trouble_with_guard(settings)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert "unknown" in trouble_with_guard(settings)


@pytest.mark.parametrize(("power", "count"), [("running", 1), ("unknown", 1), ("deallocated", 0)])
def test_only_what_is_billed_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, power: str, count: int
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    status: dict[str, Any] = {"workers": [{"power_state": power}], "warnings": []}
    warn_of_no_guard(Settings(_env_file=None, state_dir=tmp_path), status)
    assert len(status["warnings"]) == count
