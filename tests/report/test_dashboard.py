"""The dashboard of a real run, queried over HTTP."""

import json
import signal
import socket
import sys
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from threading import Thread

import pytest

from archwright.errors import InputError, RunFolderError
from archwright.report.dashboard import dashboard_server
from archwright.report.gather import gather

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Whatever proxy other tests, or the user, have set."""


@pytest.fixture
def run(small_run, tmp_path):
    return small_run.copy(tmp_path / "run")


@contextmanager
def served(run):
    """A function that fetches from the dashboard of a run: status, kind and content."""
    with dashboard_server(run, "127.0.0.1", 0) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()

        def fetch(path, method="GET"):
            request = urllib.request.Request(f"http://127.0.0.1:{server.server_port}{path}", method=method)
            try:
                with DIRECT.open(request, timeout=30) as answer:
                    return answer.status, answer.headers["Content-Type"], answer.read()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.headers["Content-Type"], error.read()

        try:
            yield fetch
        finally:
            server.shutdown()
            thread.join()


def test_each_candidate_has_its_drawing_and_each_training_its_curve(run):
    with served(run) as fetch:
        assert b"<html" in fetch("/dashboard")[2]
        studies = {s["study_name"]: s["study_id"] for s in json.loads(fetch("/api/studies")[2])["study_summaries"]}
        assert set(studies) == {"final", "search/regularized_evolution", "search/random"}
        trials = json.loads(fetch(f"/api/studies/{studies['search/random']}")[2])["trials"]
        assert [len(trial["intermediate_values"]) for trial in trials] == [4, 4, 4]
        for trial in trials:
            address = f"/drawings/{trial['trial_id']}.svg"
            assert f"![architecture]({address})" in trial["note"]["body"]
            status, kind, drawing = fetch(address)
            assert (status, kind) == (200, "image/svg+xml; charset=utf-8")
            assert drawing.startswith(b"<svg style=") and drawing.endswith(b"</svg>")  # noqa: PT018
        finals = json.loads(fetch(f"/api/studies/{studies['final']}")[2])["trials"]
        baseline = next(trial for trial in finals if "baseline" in trial["note"]["body"])
        assert fetch(f"/drawings/{baseline['trial_id']}.svg")[0] == 404
        assert fetch("/drawings/999.svg")[0] == 404


def test_looking_changes_nothing_in_the_run(run):
    files = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    before = gather(run)
    with served(run) as fetch:
        studies = json.loads(fetch("/api/studies")[2])["study_summaries"]
        for study in studies:
            fetch(f"/api/studies/{study['study_id']}")
        for method, path in (("DELETE", "/api/studies/1"), ("PUT", "/api/studies/1/1/note"), ("POST", "/api/trials/1/user-attrs")):
            status, _, content = fetch(path, method)
            assert (status, json.loads(content)["reason"]) == (403, "this dashboard is read-only")
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == files
    assert gather(run) == before


def test_a_run_in_progress_is_shown(run):
    (run / "results.json").unlink()
    with served(run) as fetch:
        assert fetch("/api/studies")[0] == 200


def refused(run, host="127.0.0.1", port=0):
    with pytest.raises(InputError) as error, dashboard_server(run, host, port):
        pass
    return str(error.value)


def test_what_cannot_be_shown_is_refused_in_a_sentence(run, tmp_path, monkeypatch):
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        taken = other.getsockname()[1]
        assert f"port {taken} of 127.0.0.1 is in use: choose another with --port" in refused(run, port=taken)
    assert "--host" in refused(run, host="192.0.2.1")
    with pytest.raises(RunFolderError, match="holds no run"), dashboard_server(tmp_path, "127.0.0.1", 0):
        pass
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)
    assert refused(run) == "the dashboard needs optuna-dashboard: pip install 'archwright[dashboard]'"


@pytest.mark.usefixtures("as_in_a_terminal")
def test_the_command_says_where_it_listens_and_ctrl_c_ends_it(run, monkeypatch, capsys):
    from archwright.cli import main

    monkeypatch.setattr("socketserver.BaseServer.serve_forever", lambda _: signal.raise_signal(signal.SIGINT))
    monkeypatch.setattr("sys.argv", ["archwright", "dashboard", str(run), "--port", "0"])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert ended.value.code == 130
    assert out.startswith(f"the dashboard of {run} is at http://127.0.0.1:")
    assert err == "archwright: interrupted\n"
