"""`archwright dashboard`: Optuna's dashboard on a run, its trials with their architectures drawn; for looking, not for writing."""

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
"""Of the web server gateway interface (PEP 3333)."""


@contextmanager
def dashboard_server(path: Path, host: str, port: int) -> Iterator[WSGIServer]:
    """A server, listening, that shows the run in a folder, finished or not. Port 0 takes a free one.

    Raises InputError where optuna-dashboard is not installed or nothing can listen there, RunFolderError where there is no run.
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
    """A browser keeps connections open on which it asks nothing; they do not keep others, or the end, waiting."""

    daemon_threads = True
    allow_reuse_port = False


class _Quiet(WSGIRequestHandler):
    """A dashboard asks again every few seconds: that is not told."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _listening(host: str, port: int, application: Application) -> WSGIServer:
    try:
        return make_server(host, port, application, _Server, _Quiet)
    except OSError as error:
        if error.errno == EADDRINUSE:
            raise InputError(f"port {port} of {host} is taken: give another one with --port, or 0 for any") from error
        raise InputError(f"nothing can listen at {host}:{port} ({error.strerror}): give another --host or --port") from error


def with_drawings(dashboard: Application, storage: DashboardStorage, problem: Problem) -> Application:
    """The dashboard, the pictures that its notes show, and a refusal of whatever would change the run."""

    def answer(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _answer(
                start, "403 Forbidden", "application/json", '{"reason": "this dashboard shows a run and writes nothing"}'
            )
        asked = re.fullmatch(rf"{DRAWINGS}(\d+)\.svg", environ["PATH_INFO"])
        if asked is None:
            return dashboard(environ, start)
        drawing = draw_trial(int(asked[1]), storage, problem)
        if drawing is None:
            return _answer(start, "404 Not Found", "text/plain", "no architecture has this number")
        return _answer(start, "200 OK", "image/svg+xml", drawing)

    return answer


def _answer(start: Start, status: str, kind: str, text: str) -> list[bytes]:
    start(status, [("Content-Type", f"{kind}; charset=utf-8")])
    return [text.encode()]


def draw_trial(trial_id: int, storage: DashboardStorage, problem: Problem) -> str | None:
    """The architecture of a trial as SVG, on white; None where it has none."""
    row = storage.row(trial_id)
    if row is None or row.architecture is None:
        return None
    architecture = row.architecture
    description = description_of(architecture.to_json())
    drawing = draw_architecture(architecture.space, description, architecture.answers, problem)
    return drawing.replace("<svg ", '<svg style="background:#ffffff" ', 1)
