"""Runs with a one-shot method: what its supernet's training adds to the contract of the run folder, and what is refused."""

import csv
import json
from pathlib import Path

import pytest

import archwright
from archwright.cli import main
from archwright.evaluate.job import Outcome
from archwright.study import conduct
from archwright.study.ledger import Ledger
from archwright.study.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("one_thread_each", "without_onnx")

ONE_SHOT_KEYS = (
    "supernet_score discretized_score from_scratch_score discretization kendall_tau kendall_ci95 kendall_n supernet_seconds "
    "stopped notes"
)
SPACE = {"space.repeats": 1, "space.filters": 4}


def search(source, out, **changes):
    """The least run of a one-shot method with random search beside it."""
    options = {"space": "nasbench201", "strategy": "darts", "trials": 3, "epochs": 1, "seeds": 1, "baselines": ()}
    settings = {**SPACE, **changes.pop("settings", {})}
    return archwright.search(source, out=out, **{**options, "executor": "serial", **changes, "settings": settings})


def table(folder):
    with (folder / "candidates.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def rows_of(folder):
    with Ledger.open(None, folder, RunFolder(folder).asked["name"], coordinate=False) as ledger:
        return ledger.rows()


def test_a_supernet_is_trained_and_what_it_found_goes_the_way_of_all_candidates(small_run, tmp_path, fake_supernet):
    result = search(small_run.source, tmp_path / "run")
    stages = [(row.stage, row.strategy, row.state) for row in rows_of(result.path)]
    assert stages == [
        ("supernet", "darts", "complete"),
        *[("search", name, "complete") for name in ("darts", "random") * 3],
        ("shared_scores", "darts", "complete"),
        *[("final", name, "complete") for name in ("darts", "random")],
    ]
    lines = table(result.path)
    assert list(lines[0]) == list(table(small_run.folder)[0])  # the columns of any run
    assert [line["number"] for line in lines] == ["1", "2", "3", "4", "5", "6", "8", "9"]
    darts, random = result.results["methods"]
    assert list(darts) == [*random, "one_shot"]
    assert list(darts["one_shot"]) == ONE_SHOT_KEYS.split()
    assert [method["n_trials"] for method in (darts, random)] == [3, 3]
    own = [float(line["seconds"]) for line in lines if (line["stage"], line["strategy"]) == ("search", "darts")]
    assert darts["search_seconds"] == pytest.approx(12.0 + sum(own))
    assert (tmp_path / "run" / "report.html").exists()


def test_what_the_supernet_promised_stands_beside_what_was_kept(small_run, tmp_path, fake_supernet):
    told = search(small_run.source, tmp_path / "run").results["methods"][0]["one_shot"]
    lines = [line for line in table(tmp_path / "run") if line["stage"] == "search"]
    assert (told["supernet_score"], told["discretized_score"], told["discretization"]) == (0.5, 0.4, "argmax")
    assert told["from_scratch_score"] == float(lines[0]["val_accuracy"])
    assert (told["supernet_seconds"], told["stopped"]) == (12.0, None)
    assert told["notes"] == ["The fake supernet learned nothing."]
    assert told["kendall_n"] == 6
    assert told["kendall_ci95"][0] <= told["kendall_tau"] <= told["kendall_ci95"][1]


def test_the_jobs_say_what_the_worker_needs(small_run, tmp_path, fake_supernet, monkeypatch):
    jobs = []
    for name in ("train_supernet", "score_architectures"):
        do = getattr(fake_supernet, name)
        monkeypatch.setattr(fake_supernet, name, lambda job, *rest, do=do: (jobs.append(job), do(job, *rest))[1])
    search(small_run.source, tmp_path / "run", settings={"darts.hands_over": 2})
    supernet, scores = jobs
    assert (supernet.stage, supernet.key, supernet.epochs, supernet.time_goal) == ("supernet", "00000-supernet-darts", 1.0, None)
    assert {key: supernet.supernet[key] for key in ("space", "method")} == {"space": "nasbench201", "method": "darts"}
    assert supernet.supernet["space_settings"] == {"repeats": 1, "filters": 4}
    assert supernet.supernet["method_settings"]["hands_over"] == 2
    assert supernet.architecture is None
    assert scores.supernet["trained"] == supernet.folder
    candidates = [row for row in rows_of(tmp_path / "run") if row.stage == "search"]
    assert scores.supernet["architectures"] == [row.architecture.to_json() for row in candidates]
    json.dumps([job.to_json() for job in jobs], allow_nan=False)


def test_the_methods_own_epochs_outweigh_those_of_the_run(small_run, tmp_path, fake_supernet):
    search(small_run.source, tmp_path / "run", trials=1, random=False, settings={"strategy.epochs": 7})
    assert [row.epochs for row in rows_of(tmp_path / "run") if row.stage == "supernet"] == [7.0]


def test_few_candidates_have_no_rank_correlation_and_that_is_said(small_run, tmp_path, fake_supernet):
    result = search(small_run.source, tmp_path / "run", trials=3, random=False)
    told = result.results["methods"][0]["one_shot"]
    assert (told["kendall_tau"], told["kendall_ci95"], told["kendall_n"]) == (None, None, 0)
    assert "at least 4 candidates" in told["notes"][-1]
    assert "shared_scores" not in {row.stage for row in rows_of(result.path)}


def test_the_same_command_does_nothing_anew_and_more_trials_go_on(small_run, tmp_path, fake_supernet):
    first = search(small_run.source, tmp_path / "run", trials=2)
    again = search(small_run.source, tmp_path / "run", trials=2)
    assert again.results == first.results
    more = search(small_run.source, tmp_path / "run", trials=4)
    rows = rows_of(more.path)
    assert [row.state for row in rows] == ["complete"] * len(rows)
    assert [row.stage for row in rows].count("supernet") == 1
    assert [row.strategy for row in rows if row.stage == "search"].count("darts") == 3  # all that it handed over
    scored = [row.extra["candidates"] for row in rows if row.stage == "shared_scores"]
    assert [len(numbers) for numbers in scored] == [4, 7]
    assert more.results["methods"][0]["one_shot"]["kendall_n"] == 7


def test_a_supernet_that_fails_leaves_a_run_that_says_so(small_run, tmp_path, fake_supernet, monkeypatch):
    monkeypatch.setattr(fake_supernet, "train_supernet", lambda *_: Outcome("failed", "diverged: training loss was nan"))
    result = search(small_run.source, tmp_path / "run", trials=1)
    darts, random = result.results["methods"]
    assert (darts["runs"], darts["one_shot"]["supernet_score"]) == ([], None)
    assert random["runs"]
    assert result.results["skipped"][0] == {
        "name": "darts",
        "reason": "its supernet's training failed: diverged: training loss was nan",
    }
    assert (tmp_path / "run" / "report.html").exists()


def test_by_the_clock_a_supernet_gets_its_part_of_the_search(small_run, tmp_path, fake_supernet, monkeypatch):
    jobs, do = [], fake_supernet.train_supernet
    monkeypatch.setattr(fake_supernet, "train_supernet", lambda job, *rest: (jobs.append(job), do(job, *rest))[1])
    result = search(small_run.source, tmp_path / "run", trials=None, minutes=0.15, settings={"budget.supernet": 0.7})
    plan = result.results["settings"]["plan"]
    assert jobs[0].time_goal == plan["supernet_goal"]
    assert 0.2 < plan["supernet_goal"] < 0.7 * 0.4 * 9 / 2
    assert {method["name"] for method in result.results["methods"]} == {"darts", "random"}


# Refused before anything is written.

REFUSED = {
    "a space without a supernet": (["--space", "nowhere_supernet:Bare"], "has no supernet"),
    "a chain with pooling to be searched": (["--space", "chain", "--set", "space.connectivity=plain"], "--set space.pooling="),
    "an unknown setting": (["--space", "nasbench201", "--set", "darts.alpha_rate=1"], "has no setting 'alpha_rate'"),
    "a setting of the strategy's that makes no sense": (["--space", "nasbench201", "--set", "strategy.warmup=2"], "'warmup'"),
    "an unknown strategy": (["--space", "nasbench201", "--strategy", "dart"], "did you mean 'darts'?"),
}
BARE = '''
from dataclasses import dataclass
from torch import nn
from archwright import SearchSpace

@dataclass(frozen=True)
class Bare(SearchSpace):
    """One question, no supernet."""

    def decide(self, choose):
        return choose("width", [2, 4])

    def build(self, width, problem):
        return nn.Flatten()
'''


@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_be_is_refused_with_the_mend(small_run, tmp_path, monkeypatch, capsys, why):
    words, told = REFUSED[why]
    monkeypatch.chdir(tmp_path)
    Path("nowhere_supernet.py").write_text(BARE)
    monkeypatch.setattr(conduct, "make_executor", None)
    monkeypatch.setattr("sys.argv", ["archwright", "search", small_run.source, "--strategy", "darts", *words, "--out", "run"])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert told in said
    assert said.count("\n") == 1
    assert not Path("run").exists()
