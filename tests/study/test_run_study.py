"""Complete runs on real data: the contract of the run folder, continuing, extending, repeating, and failures."""

import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

import archwright
from archwright.data.problem_folder import open_problem
from archwright.errors import InputError, RunFolderError
from archwright.evaluate.full_training import TRAINED_FROM_SCRATCH
from archwright.execute.training_process import TrainingProcess
from archwright.export.model_folder import load_model
from archwright.ledger.ledger import Ledger
from archwright.study import run_study as module
from archwright.study import strategy_run
from archwright.study.run_folder import RunFolder
from archwright.train.checkpoint import load_checkpoint

pytestmark = pytest.mark.usefixtures("one_thread_each", "without_onnx")

COLUMNS = (
    "number,state,cause,stage,strategy,architecture,key,parent,val_accuracy,val_loss,"
    "parameters,macs,peak_memory_mb,seconds,epochs,seed,worker,continues"
)
MEASURED_ANEW = ("peak_memory_mb", "seconds", "worker")
METHOD_KEYS = (
    "name kind metric mean ci95 runs parameters macs peak_memory_mb latency_ms search_seconds train_seconds predict_seconds "
    "energy_wh n_trials architecture"
)


def table(folder):
    with (folder / "candidates.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def results(folder):
    return json.loads((folder / "results.json").read_text())


def without_times(rows):
    return [{name: value for name, value in row.items() if name not in MEASURED_ANEW} for row in rows]


def qualities(found):
    """The parts of results.json that must be the same whenever and wherever it was written."""
    return [(m["name"], m["mean"], m["ci95"], m["runs"], m["parameters"], m["macs"], m["architecture"]) for m in found["methods"]]


def contents(folder):
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def nothing_is_trained(monkeypatch):
    def make(*_, **__):
        raise AssertionError("an executor was made")

    monkeypatch.setattr(module, "make_executor", make)


def search(run, out, **changes):
    """The small run with changed options, in this process."""
    settings = {**run.options["settings"], **changes.pop("settings", {})}
    return archwright.search(run.source, out=out, **{**run.options, "executor": "serial", **changes, "settings": settings})


QUICK = {"trials": 1, "epochs": 1, "seeds": 1, "baselines": (), "random": False, "strategy": "random"}
"""The smallest possible run."""


# The contract of the run folder.


def test_the_folder_holds_the_promised_files(small_run):
    names = {path.name for path in small_run.folder.iterdir()}
    assert {"study.db", "candidates.csv", "results.json", "report.html", "model"} <= names
    assert {path.name for path in (small_run.folder / "model").iterdir()} == {
        "weights.safetensors",
        "architecture.json",
        "preprocessing.json",
        "model.onnx",
    }


def test_no_unfinished_files_are_left(small_run):
    assert [path for path in small_run.folder.rglob(".*") if not path.name.endswith(".lock")] == []
    assert not list(small_run.folder.rglob("checkpoint.pt"))


def test_the_table_of_candidates(small_run):
    assert (small_run.folder / "candidates.csv").read_text().splitlines()[0] == COLUMNS
    rows = table(small_run.folder)
    assert [int(row["number"]) for row in rows] == list(range(14))
    stages = [(row["stage"], row["strategy"]) for row in rows]
    both = ("regularized_evolution", "random")
    assert stages == [("search", name) for name in both * 3] + [("final", name) for name in both * 2] + [("baseline", "")] * 4
    for row in rows:
        assert row["state"] == "complete"
        assert 0 <= float(row["val_accuracy"]) <= 1
        assert float(row["seconds"]) > 0
        if row["stage"] != "baseline":
            assert set(json.loads(row["architecture"])) >= {"activation", "stage0/depth"}
            assert int(row["macs"]) > int(row["parameters"]) > 0
    assert {row["key"] for row in rows[10:]} == {"random_forest", "resnet-tiny"}


def test_a_final_training_names_the_candidate_it_comes_from(small_run):
    rows = table(small_run.folder)
    for row in rows[6:10]:
        parent = rows[int(row["parent"])]
        assert (parent["stage"], parent["strategy"], parent["key"]) == ("search", row["strategy"], row["key"])
        best = max(float(r["val_accuracy"]) for r in rows[:6] if r["strategy"] == row["strategy"])
        assert float(parent["val_accuracy"]) == best


def test_the_results_have_the_promised_keys(small_run):
    found = results(small_run.folder)
    assert list(found) == ["problem", "methods", "verdict", "test_accesses", "skipped", "settings", "versions"]
    names = ["name", "task", "level", "metric", "input_shape", "n_train", "n_val", "n_test", "data_hash"]
    assert list(found["problem"]) == names
    assert [found["problem"][name] for name in names[:8]] == ["digits", "classification", None, "accuracy", [1, 8, 8], 96, 32, 32]
    for method in found["methods"]:
        assert list(method) == METHOD_KEYS.split()
        assert [list(run) for run in method["runs"]] == [["seed", "value", "val"]] * 2
    assert set(found["verdict"]) == {"choice", "text", "difference", "ci95"}
    assert found["versions"]["torch"] == torch.__version__


def test_the_methods_are_those_requested_and_random_search(small_run):
    found = results(small_run.folder)["methods"]
    assert [(m["name"], m["kind"], m["n_trials"]) for m in found] == [
        ("regularized_evolution", "search", 3),
        ("random", "search", 3),
        ("random_forest", "baseline", 0),
        ("resnet-tiny", "baseline", 0),
    ]
    for method in found:
        assert method["mean"] == pytest.approx(np.mean([run["value"] for run in method["runs"]]))
        assert method["ci95"][0] <= method["mean"] <= method["ci95"][1]
        assert min(method["latency_ms"], method["train_seconds"], method["predict_seconds"], method["energy_wh"]) > 0
        assert (method["architecture"] is None) == (method["kind"] == "baseline")
        assert (method["search_seconds"] > 0) == (method["kind"] == "search")
    assert len({run["seed"] for method in found for run in method["runs"]}) == 2  # paired


def test_the_seconds_of_a_search_are_those_of_its_trainings(small_run):
    rows = table(small_run.folder)
    for method in results(small_run.folder)["methods"][:2]:
        own = [float(row["seconds"]) for row in rows if (row["stage"], row["strategy"]) == ("search", method["name"])]
        assert method["search_seconds"] == pytest.approx(sum(own))


def test_the_test_split_is_read_once_for_each_final_network(small_run):
    log = [json.loads(line) for line in (small_run.folder / "test_accesses.jsonl").read_text().splitlines()]
    found = results(small_run.folder)
    assert found["test_accesses"] == len(log) == sum(len(method["runs"]) for method in found["methods"]) == 8
    assert len({access["reason"] for access in log}) == 8
    assert not [access for access in log if "search" in access["reason"]]


def test_the_architecture_of_the_model(small_run):
    described = json.loads((small_run.folder / "model" / "architecture.json").read_text())
    assert list(described) == ["space", "settings", "answers", "input_shape", "output"]
    assert described["input_shape"] == [1, 8, 8]
    assert described["output"] == {"task": "classification", "outputs": 4, "names": ["0", "1", "2", "3"]}
    searched = [m["architecture"] for m in results(small_run.folder)["methods"] if m["kind"] == "search"]
    assert {key: described[key] for key in ("space", "settings", "answers")} in searched


# The model.


def best_run(found):
    searched = [m for m in found["methods"] if m["kind"] == "search"]
    method = max(searched, key=lambda m: np.mean([run["val"] for run in m["runs"]]))
    return max(method["runs"], key=lambda run: run["val"])


@pytest.fixture
def test_rows(small_run, tmp_path):
    return open_problem(small_run.folder / "data").test.open("a test of archwright's", tmp_path / "log")


def test_a_reloaded_model_has_exactly_the_recorded_test_value(small_run, test_rows):
    model = load_model(small_run.folder / "model")
    with torch.inference_mode():
        right = model(torch.from_numpy(np.array(test_rows.x))).argmax(dim=1).numpy() == test_rows.y
    assert round(float(right.mean()), 6) == best_run(results(small_run.folder))["value"]
    assert 0.25 < right.mean() < 1  # a value that a wrong model would hardly have


def test_the_onnx_model_gives_the_same_predictions(small_run, test_rows):
    onnxruntime = pytest.importorskip("onnxruntime")
    x = np.array(test_rows.x, dtype=np.float32)
    session = onnxruntime.InferenceSession(small_run.folder / "model" / "model.onnx", providers=["CPUExecutionProvider"])
    exported = session.run(None, {session.get_inputs()[0].name: x})[0]
    with torch.inference_mode():
        ours = load_model(small_run.folder / "model")(torch.from_numpy(x)).numpy()
    assert np.abs(exported - ours).max() <= 1e-4
    assert not list((small_run.folder / "model").glob("*.data"))


# Continuing.


def test_repeating_the_request_trains_nothing_and_changes_nothing(small_run, nothing_is_trained):
    before = contents(small_run.folder)
    result = archwright.search(small_run.source, out=small_run.folder, **small_run.options)
    assert contents(small_run.folder) == before
    assert result.results == results(small_run.folder)


@pytest.mark.usefixtures("nothing_is_trained")
@pytest.mark.parametrize(
    "changes",
    [
        {"trials": 2},
        {"trials": None, "minutes": 1.0},
        {"seed": 1},
        {"seeds": 3},
        {"epochs": 5},
        {"baselines": ("random_forest",)},
        {"space": "cell", "settings": {}},
        {"settings": {"space.width": 8, "space.most_blocks": 1}},
        {"strategy": "local_search"},
        {"random": False},
        {"top_k": 2},
        {"timeout": 60.0},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_another_request_is_an_error_and_nothing_is_overwritten(small_run, changes):
    before = contents(small_run.folder)
    with pytest.raises(RunFolderError, match=r"another folder with --out|give at least|continue it with"):
        archwright.search(small_run.source, out=small_run.folder, **{**small_run.options, **changes})
    assert contents(small_run.folder) == before


def test_other_data_are_an_error_and_nothing_is_overwritten(small_run, tmp_path, nothing_is_trained):
    arrays = dict(np.load(small_run.source))
    other = tmp_path / "digits.npz"
    np.savez(other, x=arrays["x"] + 1, y=arrays["y"])
    before = contents(small_run.folder)
    with pytest.raises(RunFolderError, match="belongs to other data"):
        archwright.search(other, out=small_run.folder, **small_run.options)
    assert contents(small_run.folder) == before


def test_a_space_as_an_object_is_part_of_the_request(small_run, nothing_is_trained):
    from archwright.search_space.chain import Chain

    options = {key: value for key, value in small_run.options.items() if key != "settings"}
    for space in (Chain(width=4, most_blocks=2), Chain(width=4, most_blocks=1, kernel=3)):
        with pytest.raises(RunFolderError, match="settings was"):
            archwright.search(small_run.source, space=space, out=small_run.folder, **options)


def test_more_trials_extend_a_run_and_keep_its_results(small_run, tmp_path):
    folder = small_run.copy(tmp_path / "longer")
    before, old = table(folder), results(folder)
    result = search(small_run, folder, trials=4)
    after = table(folder)
    assert after[: len(before)] == before
    fresh = after[len(before) :]
    assert [(row["stage"], row["strategy"]) for row in fresh if row["stage"] == "search"] == [
        ("search", "regularized_evolution"),
        ("search", "random"),
    ]
    best = {m["name"]: m for m in result.results["methods"]}
    for method in old["methods"]:
        if best[method["name"]]["architecture"] == method["architecture"]:
            assert best[method["name"]]["runs"] == method["runs"]  # nothing better was found: its trainings count
    finals = sum(row["stage"] == "final" for row in fresh)
    assert result.results["test_accesses"] == old["test_accesses"] + finals
    assert (best["random"]["n_trials"], best["resnet-tiny"]["runs"]) == (4, old["methods"][3]["runs"])
    assert json.loads((folder / "run.json").read_text())["trials"] == 4
    with pytest.raises(RunFolderError, match="was run with 4 trials"):
        search(small_run, folder)


def test_a_moved_run_can_be_read_and_continued(small_run, tmp_path, nothing_is_trained):
    folder = small_run.copy(tmp_path / "moved")
    (folder / "report.html").unlink()
    search(small_run, folder)
    assert (folder / "report.html").stat().st_size > 10_000


def test_results_missing_after_a_kill_are_written_from_the_ledger(small_run, tmp_path):
    folder = small_run.copy(tmp_path / "unfinished")
    old, rows = results(folder), table(folder)
    for name in ("results.json", "report.html", "candidates.csv"):
        (folder / name).unlink()
    shutil.rmtree(folder / "model")
    new = search(small_run, folder).results
    assert qualities(new) == qualities(old)
    assert new["verdict"] == old["verdict"]
    assert new["test_accesses"] == old["test_accesses"]
    assert table(folder) == rows
    assert (folder / "model" / "weights.safetensors").read_bytes() == (
        small_run.folder / "model" / "weights.safetensors"
    ).read_bytes()


def test_a_run_in_use_is_an_error(small_run, tmp_path):
    folder = small_run.copy(tmp_path / "busy")
    (folder / "results.json").unlink()
    rows = table(folder)
    with (
        Ledger.open(None, folder, RunFolder(folder).asked["name"]),
        pytest.raises(RunFolderError, match="in use"),
    ):
        search(small_run, folder, trials=9)
    assert table(folder) == rows
    assert RunFolder(folder).asked["trials"] == 3


# Repeating.


def test_the_same_request_elsewhere_gives_the_same_results(small_run, tmp_path):
    """Another folder and another executor: only times, memory and workers differ."""
    again = search(small_run, tmp_path / "again")
    assert without_times(table(again.path)) == without_times(table(small_run.folder))
    assert qualities(again.results) == qualities(results(small_run.folder))
    assert again.results["verdict"] == results(small_run.folder)["verdict"]
    first, second = (folder / "model" / "weights.safetensors" for folder in (small_run.folder, again.path))
    assert first.read_bytes() == second.read_bytes()


# Parts of one's own.


OWN = '''
import time
from dataclasses import dataclass

import torch
from torch import nn

from archwright import Proposal, SearchSpace


class Tired(nn.Module):
    def forward(self, x):
        if x.device.type != "meta":
            time.sleep(2.0)
        return x


class Hollow(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(float("nan")))

    def forward(self, x):
        return x * self.weight


class Greedy(nn.Module):
    def forward(self, x):
        return x + torch.empty(10**15).sum() if x.device.type != "meta" else x


@dataclass(frozen=True)
class Moody(SearchSpace):
    """Linear networks, some of which fail."""

    moods: str = "fine"

    def decide(self, choose):
        return choose("mood", self.moods.split("+")), choose("width", [2, 4])

    def build(self, description, problem):
        mood, width = description
        if mood == "raises":
            raise ValueError("not today")
        part = {"tired": Tired, "hollow": Hollow, "greedy": Greedy, "fine": nn.Identity}[mood]()
        return nn.Sequential(nn.Flatten(), part, nn.Linear(64, width), nn.ReLU(), nn.Linear(width, problem.outputs))


@dataclass(frozen=True)
class InOrder:
    """Proposes all networks of a small space, one after the other."""

    start: int = 0

    def propose(self, space, history, rng):
        every = list(space.enumerate())
        return Proposal(every[(self.start + len(history.candidates)) % len(every)], note={"own": True})


def tiny(problem):
    """A custom baseline."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, problem.outputs))
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The name of a custom module in the current folder."""
    name = f"own_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    yield name
    sys.modules.pop(name, None)


def test_own_space_strategy_and_baseline_are_found_in_the_current_folder(own, small_run):
    result = archwright.search(
        small_run.source,
        **{**QUICK, "trials": 2, "space": f"{own}:Moody", "strategy": f"{own}:InOrder", "baselines": (f"{own}:tiny",)},
        settings={"strategy.start": 1},
        executor="serial",
    )
    assert result.path == (Path("runs") / f"digits-{own}_Moody-{own}_InOrder").absolute()
    rows = table(result.path)
    assert [json.loads(row["architecture"])["width"] for row in rows if row["stage"] == "search"] == [4, 2]
    assert [m["name"] for m in result.results["methods"]] == [f"{own}:InOrder", f"{own}:tiny"]
    assert result.results["methods"][0]["architecture"]["space"] == f"{own}:Moody"
    assert result.best.model(torch.zeros(3, 1, 8, 8)).shape == (3, 4)


def test_networks_that_fail_are_results_and_the_search_continues(own, small_run, tmp_path):
    result = archwright.search(
        small_run.source,
        **{**QUICK, "trials": 8, "space": f"{own}:Moody", "strategy": f"{own}:InOrder"},
        settings={"space.moods": "raises+hollow+greedy+fine", "train.batch_size": 48},
        out=tmp_path / "run",
        executor="serial",
    )
    causes = {}
    for row in table(result.path)[:8]:
        causes.setdefault(json.loads(row["architecture"])["mood"], []).append((row["state"], row["cause"]))
    assert causes["fine"] == [("complete", "")] * 2
    for mood, told in {
        "raises": "ValueError: not today",
        "hollow": "diverged: training loss was nan",
        "greedy": "out of memory: ",
    }.items():
        assert [(state, cause.startswith(told)) for state, cause in causes[mood]] == [("failed", True)] * 2, causes[mood]
    assert result.results["methods"][0]["n_trials"] == 8
    assert result.results["methods"][0]["runs"]


def test_a_search_without_a_complete_training_ends_and_reports_it(own, small_run, tmp_path):
    result = archwright.search(
        small_run.source,
        **{**QUICK, "space": f"{own}:Moody", "baselines": ("random_forest",), "timeout": 3.0},
        settings={"space.moods": "tired"},
        out=tmp_path / "run",
        executor="serial",
    )
    (searched, forest) = result.results["methods"]
    assert table(result.path)[0]["cause"] == "timed out after 3 s"
    assert (searched["runs"], searched["mean"], searched["architecture"], searched["n_trials"]) == ([], None, None, 1)
    assert forest["runs"]
    assert result.results["skipped"] == [{"name": "random", "reason": "the search has no complete candidate to train"}]
    assert result.results["verdict"]["choice"] == "random_forest"
    assert not (result.path / "model").exists()
    assert (result.path / "report.html").exists()
    with pytest.raises(InputError, match="no searched network"):
        _ = result.best


def test_a_small_space_is_searched_once_and_repeats_are_recorded(own, small_run, tmp_path, monkeypatch):
    monkeypatch.setattr(strategy_run, "EXHAUSTED_AFTER", 3)
    options = {**QUICK, "trials": 9, "space": f"{own}:Moody", "strategy": f"{own}:InOrder"}
    result = archwright.search(small_run.source, **options, out=tmp_path / "run", executor="serial")
    rows = [row for row in table(result.path) if row["stage"] == "search"]
    assert [row["state"] for row in rows] == ["complete"] * 2 + ["duplicate"] * 3
    assert [row["cause"] for row in rows[2:]] == ["the network of 0", "the network of 1", "the network of 0"]
    for row in rows[2:]:
        first = rows[int(row["number"]) % 2]
        assert [row[name] for name in ("key", "val_accuracy", "macs")] == [first[name] for name in ("key", "val_accuracy", "macs")]
        assert float(row["seconds"]) == 0.0
    assert result.results["methods"][0]["n_trials"] == 2


def test_two_workers_share_the_trainings(small_run, tmp_path):
    result = search(small_run, tmp_path / "run", **{**QUICK, "trials": 6, "workers": 2, "executor": "processes"})
    rows = table(result.path)
    assert [int(row["number"]) for row in rows] == list(range(7))
    assert len({row["worker"] for row in rows}) == 2
    assert [row["seed"] for row in rows[:3]] == [row["seed"] for row in table(small_run.folder)[:6] if row["strategy"] == "random"]
    assert result.results["settings"]["workers"] == 2


def test_networks_over_the_memory_limit_are_refused(small_run, tmp_path, monkeypatch):
    monkeypatch.setattr(strategy_run, "EXHAUSTED_AFTER", 3)
    result = search(small_run, tmp_path / "run", **QUICK, memory=0.01)
    rows = table(result.path)
    assert [(row["state"], row["seconds"]) for row in rows] == [("refused", "0.0")] * 3
    assert all("needs at least" in row["cause"] and "the limit is" in row["cause"] for row in rows)
    assert result.results["methods"][0]["n_trials"] == 0


# Strategies that search a larger space than was asked for.


SMALL_CELLS = {"space.cells": 1, "space.blocks": 2, "space.filters": 2, "space.operations": "enas"}


def test_progressive_search_starts_with_smaller_cells_and_others_do_not(small_run, tmp_path, without_onnx):
    own = {"space": "cell", "strategy": "progressive", "random": True, "trials": 4, "baselines": ("resnet-tiny",)}
    result = archwright.search(
        small_run.source,
        out=tmp_path / "run",
        **{
            **QUICK,
            **own,
            "executor": "serial",
            "settings": {**SMALL_CELLS, "strategy.levels": 2, "strategy.first": 2, "strategy.beam": 2},
        },
    )
    answers = [(row["strategy"], json.loads(row["architecture"])) for row in table(result.path) if row["stage"] == "search"]
    assert [of["blocks"] for strategy, of in answers if strategy == "progressive"] == [1, 1, 2, 2]
    assert not any("blocks" in of for strategy, of in answers if strategy == "random")
    assert "{liu2018," in (result.path / "report.html").read_text()


def test_a_space_that_a_strategy_cannot_search_is_an_error_before_anything_is_written(small_run, tmp_path, own):
    asked = {**QUICK, "strategy": "progressive", "space": f"{own}:Moody", "executor": "serial"}
    with pytest.raises(InputError, match="does not say how its architectures grow"):
        archwright.search(small_run.source, out=tmp_path / "run", **asked)
    assert not (tmp_path / "run").exists()


# Objectives, storages.


def test_two_objectives_give_a_pareto_front(small_run, tmp_path):
    result = search(small_run, tmp_path / "run", **{**QUICK, "trials": 4, "objectives": ("accuracy", "macs")})
    with Ledger.open(None, result.path, RunFolder(result.path).asked["name"], coordinate=False) as ledger:
        rows = ledger.rows("search")
    assert [row.scores for row in rows] == [(row.outcome.metrics["accuracy"], -row.outcome.macs) for row in rows]
    assert "Pareto" in (result.path / "report.html").read_text()


def test_a_measured_objective_and_one_of_optunas_samplers(small_run, tmp_path):
    result = search(
        small_run, tmp_path / "run", **{**QUICK, "trials": 2, "strategy": "optuna:nsgaii", "objectives": ("accuracy", "latency_ms")}
    )
    assert [row["state"] for row in table(result.path) if row["stage"] == "search"] == ["complete"] * 2


@pytest.mark.parametrize("kind", ["journal", "postgresql"])
def test_another_storage_keeps_runs_of_the_same_name_separate(small_run, tmp_path, kind, request):
    url = f"journal:{tmp_path / 'ledger'}" if kind == "journal" else request.getfixturevalue("postgres").get_uri()
    first = search(small_run, tmp_path / "a" / "run", **QUICK, storage=url)
    second = search(small_run, tmp_path / "b" / "run", **QUICK, storage=url, seed=1)
    assert [row["number"] for row in table(second.path)] == ["0", "1"]
    assert table(first.path)[0]["seed"] != table(second.path)[0]["seed"]
    assert not (first.path / "study.db").exists()
    assert search(small_run, first.path, **{**QUICK, "trials": 2}, storage=url).results["methods"][0]["n_trials"] == 2


@pytest.fixture
def postgres(tmp_path, monkeypatch):
    pgserver = pytest.importorskip("pgserver")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    server = pgserver.get_server(str(tmp_path / "postgres"))
    yield server
    server.cleanup()


def test_minutes_are_divided_and_the_plan_is_recorded(small_run, tmp_path):
    """A complete run limited by minutes; what does not fit into so little time is listed as left out."""
    result = search(
        small_run,
        tmp_path / "run",
        **{**QUICK, "trials": None, "minutes": 0.15, "epochs": 2, "baselines": ("random_forest", "resnet18")},
    )
    found = result.results
    assert found["settings"]["plan"]["final_goal"] > 0
    assert found["methods"][0]["n_trials"] >= 1
    assert {m["name"] for m in found["methods"]} | {s["name"] for s in found["skipped"]} >= {"random_forest", "resnet18", "random"}
    again = search(
        small_run,
        tmp_path / "run",
        **{**QUICK, "trials": None, "minutes": 0.15, "epochs": 2, "baselines": ("random_forest", "resnet18")},
    )
    assert again.results == found


# Killed.

PATIENT = pytest.mark.timeout(400)
"""Time limit for several starts of the complete command on a machine that may be busy."""
DEATHS = (("processes", "00003-search-*"), ("serial", "00008-final-*"), ("serial", "00013-baseline-*"))


def live_and_die(small_run, folder, deaths):
    """The small run's command in separate processes, killed at each of the deaths and then left to finish."""
    words = ["archwright", "search", small_run.source, *small_run.arguments]
    script = Path(__file__).with_name("lives.py")
    ended = subprocess.run([sys.executable, script, folder, json.dumps(words), json.dumps(deaths)], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return folder


@pytest.fixture(scope="module")
def killed(small_run, made_once):
    """A run whose main process was killed in the search, in the final trainings and in the baselines."""
    return made_once("killed", lambda folder: live_and_die(small_run, folder / "run", DEATHS)) / "run"


@PATIENT
@pytest.mark.parametrize("death", range(3), ids=["search", "final", "baseline"])
def test_kill_9_neither_loses_nor_repeats_a_finished_training(killed, death):
    left = killed.with_name(f"run-{death}")
    hit = int(DEATHS[death][1][:5])
    with Ledger.open(None, left, RunFolder(left).asked["name"], coordinate=False) as ledger:
        finished = [row for row in ledger.rows() if row.state == "complete"]
        assert {row.run_number for row in finished} >= set(range(hit))
    with Ledger.open(None, killed, RunFolder(killed).asked["name"], coordinate=False) as ledger:
        rows = ledger.rows()
    assert [(row.run_number, row.state) for row in rows] == [(i, "complete") for i in range(14)]
    for row in finished:
        assert rows[row.run_number] == row
        kept = [RunFolder(folder).training_of(row) / "result.json" for folder in (left, killed)]
        assert kept[0].read_bytes() == kept[1].read_bytes()
    assert table(killed)[:hit] == table(left)[:hit]


@PATIENT
@pytest.mark.parametrize("death", range(3), ids=["search", "final", "baseline"])
def test_a_killed_training_is_resumed_from_its_last_epoch(killed, death):
    (folder,) = killed.with_name(f"run-{death}").glob(f"trainings/{DEATHS[death][1]}")
    checkpoint = load_checkpoint(folder / "checkpoint.pt")  # none where the worker ended its training before it saw the death
    done = checkpoint["progress"]["curve"] if checkpoint else json.loads((folder / "result.json").read_text())["curve"]
    (whole,) = killed.glob(f"trainings/{DEATHS[death][1]}")
    curve = json.loads((whole / "result.json").read_text())["curve"]
    assert 1 <= len(done) <= len(curve) == 4
    assert curve[: len(done)] == done  # the very same epochs, with their seconds


@PATIENT
def test_a_run_killed_three_times_gives_the_results_of_an_uninterrupted_one(killed, small_run):
    assert without_times(table(killed)) == without_times(table(small_run.folder))
    assert qualities(results(killed)) == qualities(results(small_run.folder))
    assert results(killed)["verdict"] == results(small_run.folder)["verdict"]
    assert results(killed)["test_accesses"] == 8


CLIMB = {"strategy": "asha", "trials": 2, "epochs": 4, "seeds": 1, "baselines": (), "random": False, "settings": {"asha.eta": 2}}
"""Rungs of 1, 2 and 4 epochs; row 5 continues from one epoch to two, and row 6 from two to four."""


def climbed(small_run, folder, deaths):
    """The search of `CLIMB`, killed at each of the deaths."""
    words = ["--strategy", "asha", "--set", "asha.eta=2", "--trials", "2", "--epochs", "4", "--seeds", "1", "--baselines", ""]
    sized = [word for key, value in small_run.options["settings"].items() for word in ("--set", f"{key}={value}")]
    return live_and_die(replace(small_run, arguments=[*words, "--no-random", *sized]), folder, deaths)


@PATIENT
def test_a_killed_promotion_is_resumed_and_no_epoch_is_counted_twice(small_run, tmp_path):
    whole = search(small_run, tmp_path / "whole", **CLIMB).path
    killed = climbed(small_run, tmp_path / "killed", [["processes", "00005-search-*"], ["serial", "00006-search-*"]])
    assert without_times(table(killed)) == without_times(table(whole))
    rows = [row for row in table(whole) if row["stage"] == "search"]
    epochs = {row["number"]: float(row["epochs"]) for row in rows}
    assert [(row["continues"] != "", float(row["epochs"])) for row in rows] == [
        *[(False, 1), (False, 1), (True, 2), (False, 1), (False, 1)],
        *[(True, 2), (True, 4)],
    ]
    assert sum(epochs[row["number"]] - epochs.get(row["continues"], 0.0) for row in rows) == 2 * 4
    assert {row["cause"] for row in table(whole)} == {""}
    assert all(row["seed"] == rows[int(row["continues"])]["seed"] for row in rows if row["continues"])
    (final,) = [row for row in table(whole) if row["stage"] == "final"]
    assert final["parent"] == "6"  # the only one that was trained to the end, not the best of one epoch
    assert not list(whole.rglob("checkpoint.pt"))


def test_with_more_trials_a_promotion_without_a_checkpoint_trains_from_scratch(small_run, tmp_path):
    whole = search(small_run, tmp_path / "whole", **CLIMB).path
    settings = {**CLIMB, "trials": 1}
    search(small_run, tmp_path / "longer", **settings)
    longer = search(small_run, tmp_path / "longer", **CLIMB).path
    both = [[row for row in table(folder) if row["stage"] == "search"] for folder in (whole, longer)]
    assert [row["val_accuracy"] for row in both[0]] == [row["val_accuracy"] for row in both[1]]
    assert TRAINED_FROM_SCRATCH in {row["cause"] for row in both[1]}


@PATIENT
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_kill_9_at_any_moment(small_run, tmp_path, seed):
    rng = Random(seed)
    deaths = [(rng.choice(["processes", "serial"]), rng.uniform(0.1, 6.0)) for _ in range(12)]
    folder = live_and_die(small_run, tmp_path / "run", deaths)
    assert without_times(table(folder)) == without_times(table(small_run.folder))
    assert qualities(results(folder)) == qualities(results(small_run.folder))
    assert 8 <= results(folder)["test_accesses"] <= 8 + len(deaths)


def test_a_killed_worker_is_replaced_and_its_training_is_resumed(small_run, tmp_path, monkeypatch):
    shot = []
    look = TrainingProcess.look

    def shoot(process):
        if "00001-search" in process.job.key and process.records and not shot:
            os.kill(process.pid, signal.SIGKILL)
            shot.append(process.job.key)
        return look(process)

    monkeypatch.setattr(TrainingProcess, "look", shoot)
    result = search(small_run, tmp_path / "run", **{**QUICK, "trials": 3, "epochs": 4, "executor": "processes"})
    assert len(shot) == 1
    with Ledger.open(None, result.path, RunFolder(result.path).asked["name"], coordinate=False) as ledger:
        assert [row.attempts for row in ledger.rows()] == [1, 2, 1, 1]
    names = ("state", "cause", "key", "val_accuracy", "val_loss", "seed", "epochs")
    own = [[row[name] for name in names] for row in table(result.path)[:3]]
    undisturbed = [[row[name] for name in names] for row in table(small_run.folder)[:6] if row["strategy"] == "random"]
    assert own == undisturbed
