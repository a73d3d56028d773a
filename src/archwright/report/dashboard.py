"""`archwright dashboard`: Optuna's dashboard for a run, read-only, with a drawing of each trial's architecture."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from errno import EADDRINUSE
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from archwright.data.problem import Problem
from archwright.data.problem_folder import open_problem
from archwright.errors import InputError
from archwright.ledger.storage import open_storage
from archwright.report.dashboard_storage import DRAWINGS, DashboardStorage
from archwright.report.drawing import draw_architecture
from archwright.report.gather import description_of
from archwright.study.run_folder import RunFolder

Start = Callable[[str, list[tuple[str, str]]], Any]
Application = Callable[[dict[str, Any], Start], Iterable[bytes]]
"""A WSGI application (PEP 3333)."""


@contextmanager
def dashboard_server(path: Path, host: str, port: int) -> Iterator[WSGIServer]:
    """A listening server that shows the run in a folder, finished or not. Port 0 picks a free one.

    Raises InputError if optuna-dashboard is not installed or the address cannot be used, RunFolderError if there is no run.
    """
    folder = RunFolder(path)
    folder.check_begun()
    wsgi = _optuna_dashboard()
    problem = open_problem(folder.data).problem
    opened = open_storage(folder.asked["storage"], path, must_exist=True)
    try:
        storage = DashboardStorage(opened.storage, folder.run_id, problem.metric)
        with _listening(host, port, with_drawings(wsgi(storage), storage, problem)) as server:
            yield server
    finally:
        opened.close()


def _optuna_dashboard() -> Callable[[DashboardStorage], Application]:
    try:
        from optuna_dashboard import wsgi
    except ImportError as error:
        raise InputError("the dashboard needs optuna-dashboard: pip install 'archwright[dashboard]'") from error
    return wsgi  # type: ignore[no-any-return]


class _Server(ThreadingMixIn, WSGIServer):
    """One thread per connection: idle ones that a browser keeps open delay neither other requests nor the shutdown."""

    daemon_threads = True
    allow_reuse_port = False


class _SilentHandler(WSGIRequestHandler):
    """Logs nothing: a dashboard polls every few seconds."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _listening(host: str, port: int, application: Application) -> WSGIServer:
    try:
        return make_server(host, port, application, _Server, _SilentHandler)
    except OSError as error:
        if error.errno == EADDRINUSE:
            raise InputError(f"port {port} of {host} is in use: choose another with --port, or 0 for any free one") from error
        raise InputError(f"cannot listen on {host}:{port} ({error.strerror}): choose another --host or --port") from error


def with_drawings(dashboard: Application, storage: DashboardStorage, problem: Problem) -> Application:
    """The dashboard with the pictures that its notes show; requests that would change the run are refused."""

    def answer(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _answer(start, "403 Forbidden", "application/json", '{"reason": "this dashboard is read-only"}')
        match = re.fullmatch(rf"{DRAWINGS}(\d+)\.svg", environ["PATH_INFO"])
        if match is None:
            return dashboard(environ, start)
        drawing = draw_trial(int(match[1]), storage, problem)
        if drawing is None:
            return _answer(start, "404 Not Found", "text/plain", "no trial with an architecture has this number")
        return _answer(start, "200 OK", "image/svg+xml", drawing)

    return answer


def _answer(start: Start, status: str, kind: str, text: str) -> list[bytes]:
    start(status, [("Content-Type", f"{kind}; charset=utf-8")])
    return [text.encode()]


def draw_trial(trial_id: int, storage: DashboardStorage, problem: Problem) -> str | None:
    """The architecture of a trial as SVG, on white; None if it has none."""
    row = storage.row(trial_id)
    if row is None or row.architecture is None:
        return None
    architecture = row.architecture
    description = description_of(architecture.to_json())
    drawing = draw_architecture(architecture.space, description, architecture.answers, problem)
    return drawing.replace("<svg ", '<svg style="background:#ffffff" ', 1)
