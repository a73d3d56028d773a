"""What Optuna's dashboard sees of a run through the storage interface, on every kind of storage."""

import io
import json
from wsgiref.util import setup_testing_defaults

import pytest
from optuna.trial import TrialState

from archwright.architecture.architecture import Architecture
from archwright.architecture.question import Question
from archwright.evaluate.history import Objective
from archwright.evaluate.job import Outcome
from archwright.ledger.ledger import Ledger
from archwright.ledger.row import Row
from archwright.ledger.storage import open_storage
from archwright.report.dashboard_storage import DashboardStorage

QUESTIONS = (Question("op", ("conv", "pool")), Question("depth", (1, 2)))
CURVE = ({"val_accuracy": 0.5, "val_loss": 0.9}, {"val_accuracy": 0.75, "val_loss": 0.4})
OUTCOME = Outcome("complete", metrics={"accuracy": 0.75}, curve=CURVE, parameters=10, seconds=2.0, epochs=2.0)


@pytest.fixture(params=["sqlite", "journal", "postgresql"])
def url(request, tmp_path):
    if request.param == "postgresql":
        return request.getfixturevalue("server").get_uri()
    return f"journal:{tmp_path}/run.journal" if request.param == "journal" else None


@pytest.fixture
def ledger(url, tmp_path):
    """A run with one complete and one running candidate; where the storage is shared, beside another run."""
    if url is not None:
        with Ledger.open(url, tmp_path, f"{tmp_path.name}-other") as other:
            begin(other)
    with Ledger.open(url, tmp_path, tmp_path.name) as own:
        own.finish(begin(own), "complete", OUTCOME, scores=(0.75,))
        begin(own, answers={"op": "pool", "depth": 2})
        yield own


@pytest.fixture
def shown(url, ledger, tmp_path):
    opened = open_storage(url, tmp_path)
    yield DashboardStorage(opened.storage, tmp_path.name, "accuracy")
    opened.close()


def begin(ledger, answers={"op": "conv", "depth": 1}):  # noqa: B006
    ledger.history("random", (Objective("accuracy", True),))
    architecture = Architecture("chain", {}, answers)
    return ledger.begin(Row(stage="search", strategy="random", architecture=architecture, epochs=2.0), QUESTIONS)


def ask(storage, path):
    """The dashboard's answer to its own page."""
    from optuna_dashboard import wsgi

    environ = {"PATH_INFO": path, "wsgi.input": io.BytesIO()}
    setup_testing_defaults(environ)
    statuses = []
    answer = json.loads(b"".join(wsgi(storage)(environ, lambda status, headers, *_: statuses.append(status))))
    assert statuses == ["200 OK"], answer
    return answer


def study_id(storage, name="search/random"):
    return storage.get_study_id_from_name(name)


def test_the_dashboard_shows_the_trials_of_this_run_with_curves_and_notes(shown):
    assert {study["study_name"] for study in ask(shown, "/api/studies")["study_summaries"]} == {"final", "search/random"}
    answer = ask(shown, f"/api/studies/{study_id(shown)}")
    first, second = answer["trials"]
    assert (first["state"], second["state"]) == ("Complete", "Running")
    assert first["intermediate_values"] == [{"step": 1, "value": 0.5}, {"step": 2, "value": 0.75}]
    assert first["note"]["body"].startswith("**search random #0**: complete\n\n| validation accuracy |")
    assert f"![architecture](/drawings/{first['trial_id']}.svg)" in first["note"]["body"]
    assert {"key": "val_accuracy", "value": "0.75"} in first["user_attrs"]
    assert second["note"]["body"].startswith("**search random #1**: running")


def test_what_the_run_writes_meanwhile_is_shown(shown, ledger):
    assert ask(shown, f"/api/studies/{study_id(shown)}")["trials"][1]["state"] == "Running"
    ledger.finish(ledger.rows("search")[1], "failed", cause="out of memory")
    begin(ledger)
    answer = ask(shown, f"/api/studies/{study_id(shown)}")
    assert [trial["state"] for trial in answer["trials"]] == ["Complete", "Fail", "Running"]
    assert "failed (out of memory)" in answer["trials"][1]["note"]["body"]


def test_a_long_note_is_complete(shown, ledger):
    cause = " ".join(f"word{i}" for i in range(1000))
    ledger.finish(ledger.rows("search")[1], "failed", cause=cause)
    assert cause in ask(shown, f"/api/studies/{study_id(shown)}")["trials"][1]["note"]["body"]


def test_nothing_is_written_by_looking_and_nothing_can_be(shown, ledger):
    ask(shown, f"/api/studies/{study_id(shown)}")
    number = study_id(shown)
    (first, _) = shown.get_all_trials(number)
    assert ledger._storage.get_study_system_attrs(number) == {}
    assert set(ledger._storage.get_trial(first._trial_id).user_attrs) == {"archwright:begun", "archwright:result"}
    for write in (
        lambda: shown.set_study_system_attr(number, "key", 1),
        lambda: shown.set_trial_user_attr(first._trial_id, "key", 1),
        lambda: shown.set_trial_state_values(first._trial_id, TrialState.FAIL),
        lambda: shown.delete_study(number),
        lambda: shown.create_new_trial(number),
    ):
        with pytest.raises(TypeError, match="read-only"):
            write()


def test_it_answers_what_optuna_asks_a_storage_for(shown, ledger):
    number = study_id(shown)
    assert shown.get_study_name_from_id(number) == "search/random"
    assert len(shown.get_study_directions(number)) == 1
    assert shown.get_study_user_attrs(number) == {}
    (best,) = shown.get_all_trials(number, states=(TrialState.COMPLETE,))
    assert shown.get_best_trial(number).number == shown.get_trial(best._trial_id).number == best.number
    assert shown.row(best._trial_id).architecture.answers["op"] == "conv"
    assert shown.row(10**9) is None
