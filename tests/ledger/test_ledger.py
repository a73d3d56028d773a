"""Every row that was begun or finished is stored exactly once, whatever happens in between, on every kind of storage."""

import json
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.exceptions import StorageInternalError
from optuna.trial import TrialState
from sqlalchemy.exc import OperationalError

from archwright.architecture.architecture import Architecture
from archwright.architecture.question import Question
from archwright.errors import RunFolderError
from archwright.evaluate.history import Objective
from archwright.evaluate.job import Outcome
from archwright.ledger import journal as journal_module
from archwright.ledger import lease as lease_module
from archwright.ledger.ledger import AlreadyTaken, Ledger
from archwright.ledger.row import RESULT, Row, categorical
from archwright.ledger.storage import OpenStorage

ONE = (Objective("accuracy", True),)
TWO = (Objective("accuracy", True), Objective("macs", False))
QUESTIONS = (Question("op", ("conv", "pool", None)), Question("depth", (1, 2, 3)), Question("odd", (1, True, 1.0, "1", 0.5)))
ANSWERS = {"op": None, "depth": 2, "odd": True}


@pytest.fixture(params=["sqlite", "journal", "postgresql"])
def url(request, tmp_path):
    return url_of(request.param, request, tmp_path)


@pytest.fixture(params=["journal", "postgresql"])
def shared_url(request, tmp_path):
    return url_of(request.param, request, tmp_path)


def url_of(kind, request, tmp_path):
    if kind == "postgresql":
        return request.getfixturevalue("server").get_uri()
    return f"journal:{tmp_path}/run.journal" if kind == "journal" else None


def open_ledger(url, tmp_path, **more):
    return Ledger.open(url, tmp_path / "run", tmp_path.name, **more)


def optuna_study(ledger, strategy):
    """The strategy's study, opened with Optuna itself."""
    return optuna.Study(study_name=f"{ledger.run_id}/search/{strategy}", storage=ledger._storage)


def begin(ledger, strategy="random", key="k", **more):
    settings = {
        "stage": "search",
        "architecture": Architecture("chain", {"stages": 3}, ANSWERS),
        "seed": 7,
        "epochs": 3.0,
    }
    questions = more.pop("questions", QUESTIONS)
    return ledger.begin(Row(strategy=strategy, key=key, **{**settings, **more}), questions)


OUTCOME = Outcome(
    "complete",
    metrics={"accuracy": 0.9, "loss": 0.2},
    curve=({"epoch": 1.0, "loss": 0.3}, {"epoch": 2.0, "loss": 0.2}),
    parameters=1000,
    macs=2_000_000,
    peak_memory_mb=80.5,
    seconds=1.5,
    epochs=3.0,
    worker="host:7",
)


def finish(ledger, row, score=0.9):
    return ledger.finish(row, "complete", OUTCOME, scores=(score,))


def test_everything_written_is_read_back(url, tmp_path):
    with open_ledger(url, tmp_path) as ledger:
        ledger.history("random", ONE)
        first = finish(ledger, begin(ledger, note={"species": [1, 2]}, seen=0))
        second = begin(ledger, key="other", parent=first.number, continues=0, seen=1, extra={"rung": 2})
        final = ledger.begin(Row(stage="final", strategy="random", key="k", seed=3, parent=0, extra={"seed_index": 0}))
        base = ledger.finish(ledger.begin(Row(stage="baseline", strategy="vgg", baseline="vgg")), "failed", cause="out of memory")
        rows = ledger.rows()
        assert [row.run_number for row in rows] == [0, 1, 2, 3]
        assert rows == (first, second, final, base)
    with open_ledger(url, tmp_path) as again:
        assert again.rows() == rows
        history = again.history("random", ONE)
        assert [candidate.number for candidate in history.finished] == [0]
        assert history.finished[0].scores == (0.9,)
        assert history.finished[0].note == {"species": [1, 2]}
        assert [candidate.parent for candidate in history.pending] == [0]
        assert again.rows("final", "random") == (final,)
        assert again.rows("baseline")[0].cause == "out of memory"
        assert again.first_with_key("search", "random", "other") == second
        assert again.first_with_key("search", "random", "unheard of") is None
        assert [row.run_number for row in again.running()] == [1, 2]


def test_epochs_of_running_trainings_are_counted_row_by_row_and_recounted_when_read(url, tmp_path):
    with open_ledger(url, tmp_path) as ledger:
        ledger.history("random", ONE)
        first = finish(ledger, begin(ledger, epochs=1.0))
        further = begin(ledger, epochs=3.0, continues=first.number)
        waiting = [begin(ledger, key="k", epochs=epochs) for epochs in (3.0, 2.0)]
        begin(ledger, key="other", epochs=3.0)
        assert ledger.running_epochs("random") == 2.0 + 0.0 + 0.0 + 3.0
        assert [ledger.known(row) for row in waiting] == [further, further]
        with open_ledger(url, tmp_path, coordinate=False) as reader:
            assert reader.running_epochs("random") == 5.0
            assert reader.count("random") == 5
            assert [row.number for row in reader.latest("random")] == [4, 3, 2, 1, 0]
        assert ledger.waiting_for(finish(ledger, further)) == waiting
        assert ledger.running_epochs("random") == 3.0
        assert ledger.waiting_for(first) == []


def test_answers_keep_their_types(url, tmp_path):
    with open_ledger(url, tmp_path) as ledger:
        ledger.history("random", ONE)
        begin(ledger)
    with open_ledger(url, tmp_path) as again:
        (row,) = again.rows()
        assert row.architecture == Architecture("chain", {"stages": 3}, ANSWERS)
        assert [type(answer) for answer in row.architecture.answers.values()] == [type(None), int, bool]
        assert list(row.architecture.answers) == list(ANSWERS)


def test_optuna_sees_parameters_states_and_values_in_their_own_direction(url, tmp_path):
    with open_ledger(url, tmp_path) as ledger:
        ledger.history("random", TWO)
        known = ledger.finish(begin(ledger), "complete", OUTCOME, scores=(0.9, -2e6))
        ledger.finish(begin(ledger), "duplicate", scores=known.scores)
        ledger.finish(begin(ledger), "failed", cause="diverged")
        ledger.finish(begin(ledger), "refused", cause="too large")
        ledger.finish(begin(ledger), "pruned")
        begin(ledger)
        study = optuna_study(ledger, "random")
        trials = study.get_trials()
        assert [trial.state.name for trial in trials] == ["COMPLETE", "COMPLETE", "FAIL", "FAIL", "PRUNED", "RUNNING"]
        assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]
        assert trials[0].values == trials[1].values == [0.9, 2e6]
        assert trials[0].params == {"op": None, "depth": 2, "odd": "True"}
        assert trials[0].distributions["depth"].choices == (1, 2, 3)
        assert [row.state for row in ledger.rows()] == ["complete", "duplicate", "failed", "refused", "pruned", "running"]
        history = ledger.history("random", TWO)
        assert [candidate.state for candidate in history.finished] == ["complete", "duplicate", "failed", "pruned"]
        assert [candidate.state for candidate in history.refused] == ["refused"]


def test_options_that_optuna_considers_equal_are_passed_to_it_as_strings():
    assert categorical((1, True, 1.0)).choices == ("1", "True", "1.0")
    assert categorical((None, 1, "a", 0.5)).choices == (None, 1, "a", 0.5)


def test_finished_candidates_are_in_order_of_completion(url, tmp_path):
    with open_ledger(url, tmp_path) as ledger:
        ledger.history("random", ONE)
        rows = [begin(ledger, key=str(number)) for number in range(4)]
        for number in (2, 0, 3):
            finish(ledger, rows[number], number / 10)
        order = [candidate.number for candidate in ledger.history("random", ONE).finished]
        assert order == [2, 0, 3]
    with open_ledger(url, tmp_path) as again:
        history = again.history("random", ONE)
        assert [candidate.number for candidate in history.finished] == [2, 0, 3]
        assert [candidate.score for candidate in history.finished] == [0.2, 0.0, 0.3]
        assert finish(again, again.rows()[1]).sequence == 3


def test_rows_are_ordered_by_number_and_the_first_of_equal_ones_is_known(url, tmp_path):
    with open_ledger(url, tmp_path) as ledger:
        ledger.history("random", ONE)
        first = begin(ledger, key="same")
        begin(ledger, key="same")
        third = begin(ledger, key="third")
        finish(ledger, third)
        first = finish(ledger, first)
    with open_ledger(url, tmp_path) as again:
        assert [row.number for row in again.rows("search", "random")] == [0, 1, 2]
        assert again.first_with_key("search", "random", "same") == first


def test_a_history_is_immutable(tmp_path):
    with open_ledger("memory:", tmp_path) as ledger:
        history = ledger.history("random", ONE)
        finish(ledger, begin(ledger))
        assert history.finished == ()
        assert len(ledger.history("random", ONE).finished) == 1


def test_a_final_training_has_its_validation_metric_as_value(tmp_path):
    with open_ledger("memory:", tmp_path) as ledger:
        ledger.finish(ledger.begin(Row(stage="final", strategy="random")), "complete", OUTCOME)
        (trial,) = optuna.load_study(study_name=f"{tmp_path.name}/final", storage=ledger._storage).trials
        assert trial.state == TrialState.COMPLETE
        assert trial.values == [0.9]


def test_a_score_that_is_not_a_number_is_a_failure(url, tmp_path):
    nan = float("nan")
    with open_ledger(url, tmp_path) as ledger:
        ledger.history("random", ONE)
        row = ledger.finish(begin(ledger), "complete", replace(OUTCOME, metrics={"accuracy": nan}), scores=(nan,))
        assert (row.state, row.scores) == ("failed", None)
        assert "finite" in row.cause
    with open_ledger(url, tmp_path) as again:
        assert again.rows()[0].outcome.metrics == {"accuracy": None}


def test_a_complete_row_needs_one_score_per_objective(tmp_path):
    with open_ledger("memory:", tmp_path) as ledger:
        ledger.history("random", TWO)
        with pytest.raises(ValueError, match="one per objective"):
            ledger.finish(begin(ledger), "complete", OUTCOME, scores=(0.9,))


def test_settings_of_the_run_are_kept(url, tmp_path):
    with open_ledger(url, tmp_path) as ledger:
        assert ledger.setting("plan", 5) == 5
        ledger.set_setting("plan", {"epochs": 3, "limit": float("inf")})
    with open_ledger(url, tmp_path) as again:
        assert again.setting("plan") == {"epochs": 3, "limit": None}


def test_two_runs_in_one_storage_do_not_see_each_other(shared_url, tmp_path):
    with open_ledger(shared_url, tmp_path) as ledger, Ledger.open(shared_url, tmp_path / "b", "b" + tmp_path.name) as other:
        for one in (ledger, other, ledger):
            one.history("random", ONE)
            begin(one)
        assert [row.run_number for row in ledger.rows()] == [0, 1]
        assert [row.run_number for row in other.rows()] == [0]


def test_other_objectives_are_refused(url, tmp_path):
    with open_ledger(url, tmp_path) as ledger:
        ledger.history("random", ONE)
    with open_ledger(url, tmp_path) as again, pytest.raises(RunFolderError, match="has the objectives accuracy"):
        again.history("random", TWO)


# Kills.


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_a_kill_at_any_moment_loses_and_duplicates_nothing(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(journal_module, "LOCK_GRACE_S", 3)  # the last kill may have left two locks
    url = f"journal:{tmp_path}/run.journal" if kind == "journal" else ""
    folder = tmp_path / "run"
    folder.mkdir()
    script = Path(__file__).with_name("write_until_killed.py")
    subprocess.run([sys.executable, str(script), url, str(folder), "5"], check=True, timeout=110)
    reported = [int(line) for line in (folder / "finished.txt").read_text().split()]
    with Ledger.open(url or None, folder, "run") as ledger:
        rows = ledger.rows("search", "random")
        finished = {row.number: row for row in rows if row.sequence is not None}
        assert len(reported) == len(set(reported)) > 9
        assert set(reported) <= set(finished)
        assert [row.number for row in rows] == [row.run_number for row in rows] == list(range(len(rows)))
        assert sorted(row.sequence for row in finished.values()) == list(range(len(finished)))
        assert all(row.scores == (row.number / 1e4,) and row.key == f"key {row.number}" for row in finished.values())
        assert len(ledger.running()) == len(rows) - len(finished) <= 1
        trials = optuna_study(ledger, "random").get_trials(deepcopy=False)
        assert [trial.number for trial in trials if trial.state == TrialState.COMPLETE] == sorted(finished)


def test_a_half_written_result_is_completed_when_the_ledger_is_opened(url, tmp_path, monkeypatch):
    """A kill between writing the result and setting Optuna's state."""
    with open_ledger(url, tmp_path) as ledger:
        ledger.history("random", ONE)
        row = begin(ledger)
        monkeypatch.setattr(ledger, "_set_state", lambda *_: None)
        finish(ledger, row)
        assert optuna_study(ledger, "random").get_trials()[0].state == TrialState.RUNNING
    with open_ledger(url, tmp_path) as again:
        assert again.running() == []
        assert again.history("random", ONE).finished[0].scores == (0.9,)
        trial = optuna_study(again, "random").get_trials()[0]
        assert (trial.state, trial.values) == (TrialState.COMPLETE, [0.9])


def test_rows_of_a_dead_coordinator_are_resumed_under_their_own_number_and_seed(url, tmp_path):
    with open_ledger(url, tmp_path) as dead:
        dead.history("random", ONE)
        begin(dead, key="a")
        finish(dead, begin(dead, key="b"))
    with open_ledger(url, tmp_path) as ledger:
        (row,) = ledger.running()
        assert (row.number, row.seed, row.key) == (0, 7, "a")
        assert ledger.attempt(row) == 1  # not a machine fault
        assert ledger.running() == []
        assert ledger.rows()[0].coordinator == ledger.coordinator
        finish(ledger, row)
        assert [candidate.number for candidate in ledger.history("random", ONE).finished] == [1, 0]


def test_attempts_are_counted_across_restarts(url, tmp_path):
    with open_ledger(url, tmp_path) as ledger:
        ledger.history("random", ONE)
        row = begin(ledger)
        assert [ledger.attempt(row), ledger.attempt(row)] == [1, 2]
    with open_ledger(url, tmp_path) as again:
        (row,) = again.running()
        assert row.attempts == 2
        assert [again.attempt(row), again.attempt(row)] == [2, 3]


# Several coordinators.


def test_a_second_coordinator_in_sqlite_gets_an_error_that_names_the_first(tmp_path):
    with open_ledger(None, tmp_path) as ledger:
        row = begin(ledger, stage="final")
        with pytest.raises(RunFolderError, match=r"in use by process \d+ on .*wait for it.*postgresql"):
            open_ledger(None, tmp_path)
        with open_ledger(None, tmp_path, coordinate=False) as reader:
            assert reader.rows() == (row,)
    with open_ledger(None, tmp_path) as ledger:
        assert len(ledger.running()) == 1


def test_a_reader_sees_new_rows_after_a_refresh_and_creates_no_run(tmp_path):
    with pytest.raises(RunFolderError, match="holds no run"):
        open_ledger(None, tmp_path, coordinate=False)
    assert list(tmp_path.iterdir()) == []
    with open_ledger(None, tmp_path) as ledger, open_ledger(None, tmp_path, coordinate=False) as reader:
        ledger.history("random", ONE)
        finish(ledger, begin(ledger))
        assert reader.rows() == ()
        reader.refresh()
        assert reader.rows() == ledger.rows()
    with pytest.raises(RunFolderError, match="holds no run 'other'"):
        Ledger.open(None, tmp_path / "run", "other", coordinate=False)


def test_coordinators_share_numbers_sequences_and_histories(shared_url, tmp_path):
    with open_ledger(shared_url, tmp_path) as one, open_ledger(shared_url, tmp_path) as two:
        for ledger in (one, two):
            ledger.history("random", ONE)
            ledger.history("evolution", ONE)
        rows = [begin(ledger, strategy) for strategy in ("random", "evolution") for ledger in (one, two, two, one)]
        assert [row.run_number for row in rows] == list(range(8))
        assert [row.number for row in rows] == [0, 1, 2, 3] * 2
        assert [finish(ledger, row).sequence for ledger, row in [(two, rows[0]), (one, rows[2]), (one, rows[3])]] == [0, 1, 2]
        for ledger in (one, two):
            ledger.refresh()
            assert [candidate.number for candidate in ledger.history("random", ONE).finished] == [0, 2, 3]
            assert [row.run_number for row in ledger.rows()] == list(range(8))
        assert one.rows() == two.rows()


def test_a_number_taken_by_another_coordinator_is_not_taken_twice(shared_url, tmp_path):
    with open_ledger(shared_url, tmp_path) as one, open_ledger(shared_url, tmp_path) as two:
        for ledger in (one, two):
            ledger.history("random", ONE)
            assert ledger.next_number("search", "random") == 0
        begin(one, number=0)
        with pytest.raises(AlreadyTaken):
            begin(two, number=0)
        assert two.next_number("search", "random") == 1
        assert len(two.history("random", ONE).pending) == 1
        assert begin(two, number=1).number == 1


def test_the_first_result_of_a_row_counts(shared_url, tmp_path):
    with open_ledger(shared_url, tmp_path) as one, open_ledger(shared_url, tmp_path) as two:
        for ledger in (one, two):
            ledger.history("random", ONE)
        row = begin(one)
        two.refresh()
        assert finish(two, row, 0.5).scores == (0.5,)
        assert finish(one, row, 0.7).scores == (0.5,)
        assert one.rows()[0].scores == (0.5,)


def test_a_row_of_a_living_coordinator_is_not_taken_over(shared_url, tmp_path, monkeypatch):
    with open_ledger(shared_url, tmp_path) as one, open_ledger(shared_url, tmp_path) as two:
        one.history("random", ONE)
        row = begin(one)
        assert one.attempt(row) == 1
        assert two.running() == []
        with pytest.raises(AlreadyTaken):
            two.attempt(row)
        monkeypatch.setattr(lease_module.time, "time", lambda: 4e9)  # much later: the lease was not renewed
        assert [left.number for left in two.running()] == [0]
        assert two.attempt(row) == 1
        finish(two, row)
        with pytest.raises(AlreadyTaken):
            one.attempt(row)


def test_many_threads_with_a_ledger_each_create_no_duplicates(shared_url, tmp_path):
    def work():
        with open_ledger(shared_url, tmp_path) as ledger:
            ledger.history("random", ONE)
            for _ in range(3):
                finish(ledger, begin(ledger))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with open_ledger(shared_url, tmp_path) as ledger:
        rows = ledger.rows()
        assert [row.run_number for row in rows] == [row.number for row in rows] == list(range(9))
        assert sorted(row.sequence for row in rows) == list(range(9))


# Storage that fails temporarily.


class Failing:
    """Forwards all calls to a storage, but the first named call raises, after (or before) it was executed."""

    def __init__(self, storage, call, after):
        self._storage = storage
        self._call = call
        self._after = after
        self.failures = 0

    def __getattr__(self, name):
        method = getattr(self._storage, name)
        return self._failing(method) if name == self._call and not self.failures else method

    def _failing(self, method):
        def call(*arguments, **named):
            self.failures += 1
            if self._after:
                method(*arguments, **named)
            error = StorageInternalError("commit")
            error.__cause__ = OperationalError("COMMIT", {}, ConnectionError("server closed the connection"))
            raise error

        return call


@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize("call", ["create_new_trial", "set_trial_user_attr", "set_trial_state_values", "set_study_user_attr"])
def test_a_lost_connection_loses_and_duplicates_nothing(call, after, shared_url, tmp_path, monkeypatch):
    with open_ledger(shared_url, tmp_path) as ledger:
        failing = Failing(ledger._storage, call, after)
        monkeypatch.setattr(ledger, "_storage", failing)
        ledger.history("random", ONE)
        finish(ledger, begin(ledger))
        finish(ledger, begin(ledger))
        assert failing.failures == 1
        rows = ledger.rows()
    with open_ledger(shared_url, tmp_path) as again:
        assert again.rows() == rows
        assert [(row.number, row.run_number, row.sequence, row.state) for row in rows] == [
            (0, 0, 0, "complete"),
            (1, 1, 1, "complete"),
        ]
        assert [trial.state for trial in optuna_study(again, "random").trials] == [TrialState.COMPLETE] * 2


def test_a_state_that_optuna_could_not_set_is_set_again(url, tmp_path, monkeypatch):
    """Optuna returns False if another program wrote at the same time."""
    with open_ledger(url, tmp_path) as ledger:
        ledger.history("random", ONE)
        row, answers = begin(ledger), [False]
        really = ledger._storage.set_trial_state_values
        monkeypatch.setattr(ledger._storage, "set_trial_state_values", lambda *a: answers.pop() if answers else really(*a))
        assert finish(ledger, row).state == "complete"
        monkeypatch.undo()
    with open_ledger(url, tmp_path) as again:
        assert [row.sequence for row in again.rows()] == [0]
        assert optuna_study(again, "random").get_trials()[0].state == TrialState.COMPLETE


def test_a_trial_that_optuna_created_twice_counts_once(shared_url, tmp_path, monkeypatch):
    """Optuna retries a creation whose commit got no reply, and returns only the second trial."""
    with open_ledger(shared_url, tmp_path) as ledger:
        ledger.history("random", ONE)
        make = ledger._storage.create_new_trial
        monkeypatch.setattr(ledger._storage, "create_new_trial", lambda *a: (make(*a), make(*a))[1])
        row = begin(ledger)
        monkeypatch.undo()
        assert row.number == 1
        finish(ledger, begin(ledger, key="next"))
        finish(ledger, row)
        rows = ledger.rows()
        assert [row.run_number for row in rows] == [1, 0] or [row.run_number for row in rows] == [0, 1]
    with open_ledger(shared_url, tmp_path) as again:
        assert again.running() == []
        assert sorted((row.number, row.run_number, row.key) for row in again.rows()) == [(1, 0, "k"), (2, 1, "next")]
        assert len(again.history("random", ONE).finished) == 2


def test_connections_closed_by_the_server_are_reopened(server, tmp_path):
    with open_ledger(server.get_uri(), tmp_path) as ledger:
        ledger.history("random", ONE)
        row = begin(ledger)
        server.psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = 'postgres';"
        )
        assert finish(ledger, row).state == "complete"
        assert begin(ledger).number == 1


# Other programs that work on the same studies.


def test_trials_of_other_programs_are_left_untouched(url, tmp_path):
    with open_ledger(url, tmp_path) as ledger:
        ledger.history("random", ONE)
        begin(ledger)
        optuna_study(ledger, "random").enqueue_trial({"depth": 1})
        row = begin(ledger)
        assert (row.number, row.run_number) == (2, 1)
    with open_ledger(url, tmp_path) as again:
        assert [row.number for row in again.rows()] == [0, 2]
        assert begin(again, stage="final").run_number == 2


def test_a_trial_ended_by_another_program_is_a_failed_row(url, tmp_path):
    with open_ledger(url, tmp_path) as ledger:
        ledger.history("random", ONE)
        row, other = begin(ledger), begin(ledger)
        optuna_study(ledger, "random").tell(row.number, state=TrialState.FAIL)
        optuna_study(ledger, "random").tell(other.number, state=TrialState.FAIL)
        done = finish(ledger, row)
        assert (done.state, done.scores) == ("failed", None)
        assert "another program" in done.cause
    with open_ledger(url, tmp_path) as again:
        assert [row.state for row in again.rows()] == ["failed", "failed"]
        assert again.running() == []


def test_the_result_is_json_that_other_programs_can_read(tmp_path):
    with open_ledger(None, tmp_path) as ledger:
        ledger.history("random", ONE)
        finish(ledger, begin(ledger))
    study = optuna.load_study(study_name=f"{tmp_path.name}/search/random", storage=f"sqlite:///{tmp_path}/run/study.db")
    result = study.trials[0].user_attrs[RESULT]
    assert json.loads(json.dumps(result, allow_nan=False))["outcome"]["metrics"] == {"accuracy": 0.9, "loss": 0.2}


def test_a_search_of_many_rows_never_rereads_its_study(tmp_path, monkeypatch):
    reads = []
    with open_ledger("memory:", tmp_path) as ledger:
        ledger.history("random", ONE)
        monkeypatch.setattr(ledger._storage, "get_all_trials", lambda *a, **k: reads.append(a))
        for _ in range(50):
            assert isinstance(ledger._opened, OpenStorage)
            ledger.history("random", ONE)
            finish(ledger, begin(ledger))
    assert reads == []
