"""Runs with a one-shot method: what a supernet adds to the contract of the run folder, and which requests are errors."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

import archwright
from archwright.cli import main
from archwright.evaluate.job import Outcome
from archwright.ledger.ledger import Ledger
from archwright.study import run_study
from archwright.study.run_folder import RunFolder
from archwright.study.scheduler import Scheduler
from archwright.train.checkpoint import load_checkpoint

pytestmark = pytest.mark.usefixtures("one_thread_each", "without_onnx")

ONE_SHOT_KEYS = (
    "supernet_score discretized_score from_scratch_score discretization kendall_tau kendall_ci95 kendall_n supernet_seconds "
    "stopped notes"
)
MEASURED_ANEW = ("peak_memory_mb", "seconds", "worker")
SPACE = {"space.repeats": 1, "space.filters": 4}


def search(source, out, **changes):
    """The smallest run of a one-shot method with random search."""
    options = {"space": "nasbench201", "strategy": "darts", "trials": 2, "epochs": 1, "seeds": 1, "baselines": ()}
    settings = {**SPACE, **changes.pop("settings", {})}
    return archwright.search(source, out=out, **{**options, "executor": "serial", **changes, "settings": settings})


def table(folder):
    with (folder / "candidates.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def results(folder):
    return json.loads((folder / "results.json").read_text())


def rows_of(folder):
    with Ledger.open(None, folder, RunFolder(folder).asked["name"], coordinate=False) as ledger:
        return ledger.rows()


def told(folder):
    return results(folder)["methods"][0]["one_shot"]


# A real run.


def test_a_supernet_is_trained_and_its_candidates_are_treated_like_all_others(one_shot_run):
    rows = rows_of(one_shot_run.folder)
    assert {row.state for row in rows} == {"complete"}
    assert [(row.run_number, row.stage, row.strategy, row.epochs) for row in rows[:1]] == [(0, "supernet", "darts", 3.0)]
    found = rows[0].outcome.found
    own = [row for row in rows if (row.stage, row.strategy) == ("search", "darts")]
    assert 1 <= len(own) == len(found) <= 3
    assert [row.architecture.to_json() for row in own] == [one["architecture"] for one in found]
    assert [row.note["shared_score"] for row in own] == sorted((one["score"] for one in found), reverse=True)
    assert sum((row.stage, row.strategy) == ("search", "random") for row in rows) == 3
    assert [(row.stage, row.strategy) for row in rows[-2:]] == [("final", "darts"), ("final", "random")]


def test_the_table_of_candidates_does_not_contain_supernets(one_shot_run, small_run):
    lines = table(one_shot_run.folder)
    assert list(lines[0]) == list(table(small_run.folder)[0])
    assert {line["stage"] for line in lines} == {"search", "final"}
    candidates = [row for row in rows_of(one_shot_run.folder) if row.stage in ("search", "final")]
    assert [int(line["number"]) for line in lines] == [row.run_number for row in candidates]


def test_the_entry_compares_supernet_scores_with_training_from_scratch(one_shot_run):
    darts, random = results(one_shot_run.folder)["methods"]
    assert list(darts) == [*random, "one_shot"]
    assert list(darts["one_shot"]) == ONE_SHOT_KEYS.split()
    entry = darts["one_shot"]
    assert entry["discretization"] == "argmax"
    assert 0 <= entry["supernet_score"] <= 1
    assert 0 <= entry["discretized_score"] <= 1
    own = {line["val_accuracy"] for line in table(one_shot_run.folder) if line["strategy"] == "darts"}
    assert entry["from_scratch_score"] in map(float, own)


def test_the_seconds_of_the_search_include_the_supernet(one_shot_run):
    darts = results(one_shot_run.folder)["methods"][0]
    own = [
        float(line["seconds"]) for line in table(one_shot_run.folder) if (line["stage"], line["strategy"]) == ("search", "darts")
    ]
    assert darts["one_shot"]["supernet_seconds"] > 0
    assert darts["search_seconds"] == pytest.approx(sum(own) + darts["one_shot"]["supernet_seconds"])
    assert darts["n_trials"] == len(own)


def test_candidates_of_all_strategies_are_scored_with_the_shared_weights(one_shot_run):
    rows = rows_of(one_shot_run.folder)
    searched = [row.run_number for row in rows if row.stage == "search"]
    (scored,) = [row for row in rows if row.stage == "shared_scores"]
    assert scored.extra["candidates"] == searched
    assert len(scored.outcome.found) == told(one_shot_run.folder)["kendall_n"] == len(searched)


def test_the_supernet_leaves_its_weights_and_no_checkpoint(one_shot_run):
    (folder,) = one_shot_run.folder.glob("trainings/*-supernet-darts")
    names = {path.name for path in folder.iterdir()}
    assert {"one_shot.json", "supernet.safetensors", "result.json"} <= names
    assert "checkpoint.pt" not in names


# Without the work.


def test_the_jobs_contain_what_the_worker_needs(small_run, tmp_path, fake_supernet, monkeypatch):
    jobs = []
    for name in ("train_supernet", "score_architectures"):
        do = getattr(fake_supernet, name)
        monkeypatch.setattr(fake_supernet, name, lambda job, *rest, do=do: (jobs.append(job), do(job, *rest))[1])
    search(small_run.source, tmp_path / "run", settings={"darts.derived_candidates": 2, "darts.epochs": 7})
    supernet, scores = jobs
    assert (supernet.stage, supernet.key, supernet.epochs, supernet.time_goal) == ("supernet", "00000-supernet-darts", 7.0, None)
    assert {key: supernet.supernet[key] for key in ("space", "method")} == {"space": "nasbench201", "method": "darts"}
    assert supernet.supernet["space_settings"] == {"repeats": 1, "filters": 4}
    assert supernet.supernet["method_settings"]["derived_candidates"] == 2
    assert supernet.architecture is None
    assert scores.supernet["trained"] == supernet.folder
    candidates = [row for row in rows_of(tmp_path / "run") if row.stage == "search"]
    assert scores.supernet["architectures"] == [row.architecture.to_json() for row in candidates]
    json.dumps([job.to_json() for job in jobs], allow_nan=False)


def test_repeating_the_command_trains_nothing_and_more_trials_continue(small_run, tmp_path, fake_supernet):
    first = search(small_run.source, tmp_path / "run")
    assert search(small_run.source, tmp_path / "run").results == first.results
    more = search(small_run.source, tmp_path / "run", trials=4)
    rows = rows_of(more.path)
    assert {row.state for row in rows} == {"complete"}
    assert [row.stage for row in rows].count("supernet") == 1
    assert [row.strategy for row in rows if row.stage == "search"].count("darts") == 3  # all that it handed over
    scored = [row.extra["candidates"] for row in rows if row.stage == "shared_scores"]
    assert [len(numbers) for numbers in scored] == [4, 7]
    assert told(more.path)["kendall_n"] == 7


def test_a_supernet_that_fails_is_reported_in_the_results(small_run, tmp_path, fake_supernet, monkeypatch):
    monkeypatch.setattr(fake_supernet, "train_supernet", lambda *_: Outcome("failed", "diverged: training loss was nan"))
    result = search(small_run.source, tmp_path / "run", trials=1)
    darts, random = result.results["methods"]
    assert (darts["runs"], darts["one_shot"]["supernet_score"]) == ([], None)
    assert random["runs"]
    assert result.results["skipped"][0] == {
        "name": "darts",
        "reason": "supernet training failed: diverged: training loss was nan",
    }
    assert (tmp_path / "run" / "report.html").exists()


def test_by_the_clock_a_supernet_gets_its_part_of_the_search_and_what_it_found_is_not_too_slow(
    small_run, tmp_path, fake_supernet, monkeypatch
):
    """Other candidates may be refused; here nothing would remain of the supernet's training."""
    jobs, start = [], Scheduler.start
    monkeypatch.setattr(
        Scheduler, "start", lambda scheduler, row, job: (jobs.append((row.strategy, job)), start(scheduler, row, job))[1]
    )
    result = search(small_run.source, tmp_path / "run", trials=None, minutes=0.15, settings={"budget.supernet": 0.7})
    plan = result.results["settings"]["plan"]
    assert [job.time_goal for _, job in jobs if job.stage == "supernet"] == [plan["supernet_goal"]]
    assert 0 <= plan["supernet_goal"] < 0.7 * 0.4 * 9 / 2
    assert {method["name"] for method in result.results["methods"]} == {"darts", "random"}
    limits = {(strategy, job.epoch_seconds_limit) for strategy, job in jobs if job.stage == "search"}
    assert limits == {("darts", None), ("random", plan["epoch_limit"])}


# Killed.

PATIENT = pytest.mark.timeout(400)
"""Time limit for several starts of the complete command on a machine that may be busy."""
DEATHS = (("serial", "00000-supernet-*"), ("processes", "00002-search-*"))


@pytest.fixture(scope="module")
def killed(one_shot_run, made_once):
    """The same run, whose main process was killed during the supernet's training and again in the search."""
    return made_once("killed_one_shot", lambda folder: live_and_die(one_shot_run, folder / "run")) / "run"


def live_and_die(run, folder):
    words = ["archwright", "search", run.source, *run.arguments]
    script = Path(__file__).with_name("lives.py")
    ended = subprocess.run([sys.executable, script, folder, json.dumps(words), json.dumps(DEATHS)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


def without_times(lines):
    return [{name: value for name, value in line.items() if name not in MEASURED_ANEW} for line in lines]


@PATIENT
def test_a_killed_supernet_is_resumed_from_its_last_epoch(killed):
    (folder,) = killed.with_name("run-0").glob("trainings/*-supernet-darts")
    done = load_checkpoint(folder / "checkpoint.pt")["progress"]["curve"]
    curve = json.loads((killed / "trainings" / folder.name / "result.json").read_text())["curve"]
    assert 1 <= len(done) < len(curve) == 3
    assert curve[: len(done)] == done  # the very same epochs, with their seconds


@PATIENT
def test_nothing_is_repeated_and_the_run_equals_an_uninterrupted_one(killed, one_shot_run):
    rows, whole = rows_of(killed), rows_of(one_shot_run.folder)
    assert [(row.run_number, row.stage, row.seed, row.key) for row in rows] == [
        (row.run_number, row.stage, row.seed, row.key) for row in whole
    ]
    assert rows[0].outcome.found == whole[0].outcome.found
    assert without_times(table(killed)) == without_times(table(one_shot_run.folder))
    anew = {"supernet_seconds": None}
    assert {**told(killed), **anew} == {**told(one_shot_run.folder), **anew}


# Refused before anything is written.

REFUSED = {
    "a space without a supernet": (["--space", "nowhere_supernet:Bare"], "has no supernet"),
    "a chain with pooling to be searched": (["--space", "chain", "--set", "space.connectivity=plain"], "--set space.pooling="),
    "a cell whose inputs may be the same": (["--space", "cell", "--set", "space.inputs=any"], "space.inputs=distinct"),
    "an unknown setting": (["--space", "nasbench201", "--set", "darts.alpha_rate=1"], "has no setting 'alpha_rate'"),
    "a setting of the strategy's that makes no sense": (["--space", "nasbench201", "--set", "strategy.warmup=2"], "'warmup'"),
    "an unknown strategy": (["--space", "nasbench201", "--strategy", "dart"], "did you mean 'darts'?"),
    "a share of the time that is none": (["--space", "nasbench201", "--set", "budget.supernet=2"], "'supernet'"),
}
BARE = '''
from dataclasses import dataclass
from torch import nn
from archwright import SearchSpace

@dataclass(frozen=True)
class Bare(SearchSpace):
    """A space with one question and no supernet."""

    def decide(self, choose):
        return choose("width", [2, 4])

    def build(self, width, problem):
        return nn.Flatten()
'''


@pytest.mark.parametrize("why", REFUSED)
def test_an_impossible_request_is_an_error_that_says_what_to_do(small_run, tmp_path, monkeypatch, capsys, why):
    words, mend = REFUSED[why]
    monkeypatch.chdir(tmp_path)
    Path("nowhere_supernet.py").write_text(BARE)
    monkeypatch.setattr(run_study, "make_executor", None)
    monkeypatch.setattr("sys.argv", ["archwright", "search", small_run.source, "--strategy", "darts", *words, "--out", "run"])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert mend in said
    assert said.count("\n") == 1
    assert not Path("run").exists()
