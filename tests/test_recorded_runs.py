"""Runs that an earlier version began go on: folders as it left them, and nothing that was finished is done again."""

import csv
import json
import tarfile
from pathlib import Path

import pytest

import archwright
from archwright.benchmark.request import BenchmarkRequest
from archwright.benchmark.run_benchmark import results_of, run_benchmark

RECORDED = Path(__file__).with_name("recorded")


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """Unpacks a recorded archive into the current folder."""
    monkeypatch.chdir(tmp_path)

    def unpack(name):
        with tarfile.open(RECORDED / f"{name}.tar.gz") as archive:
            archive.extractall(filter="data")

    return unpack


def candidates(run):
    with (run / "candidates.csv").open(newline="", encoding="utf-8") as file:
        return {row["number"]: row for row in csv.DictReader(file)}


def supernet_epochs(run):
    return json.loads((run / "trainings" / "00000-supernet-darts" / "one_shot.json").read_text(encoding="utf-8"))["epochs"]


def test_a_run_that_was_killed_amid_a_supernets_training_goes_on(recorded, one_thread_each, without_onnx):
    """Killed with three candidates trained, a fourth and the supernet of `darts` in training."""
    recorded("run")
    run = Path("run")
    finished, epochs = candidates(run), supernet_epochs(run)
    results = {file: file.read_bytes() for file in run.glob("trainings/*/result.json")}
    assert (len(finished), len(results)) == (3, 3)
    assert 1 < len(epochs) < 12
    result = archwright.search(
        "digits.npz",
        space="nasbench201",
        strategy=["darts", "regularized_evolution"],
        baselines="random_forest",
        trials=4,
        epochs=12,
        seeds=1,
        workers=2,
        settings={"space.repeats": 1, "space.filters": 4},
        out=run,
    )
    assert {name: candidates(run)[name] for name in finished} == finished
    assert {file: file.read_bytes() for file in results} == results
    assert len(supernet_epochs(run)) == 12
    assert supernet_epochs(run)[: len(epochs)] == epochs
    searched = [row["strategy"] for row in candidates(run).values() if row["stage"] == "search"]
    assert {name: searched.count(name) for name in ("darts", "regularized_evolution", "random")} == {
        "darts": 3,
        "regularized_evolution": 4,
        "random": 4,
    }
    assert {method["name"] for method in result.results["methods"]} == {"darts", "regularized_evolution", "random", "random_forest"}


def test_a_benchmark_that_was_killed_comes_to_the_results_that_it_would_have_had(recorded):
    """Killed after two of four searches of `random`, while the third was being written down."""
    recorded("bench")
    folder = run_benchmark(
        BenchmarkRequest(
            benchmark="nasbench201",
            dataset="cifar10",
            strategies=("regularized_evolution", "random"),
            queries=30,
            repeats=4,
            workers=1,
            out=Path("bench"),
        )
    )
    results, expected = results_of(folder), json.loads(Path("bench_results.json").read_text(encoding="utf-8"))
    assert without_times(results) == without_times(expected)


def without_times(content):
    if isinstance(content, dict):
        return {key: without_times(value) for key, value in content.items() if "seconds" not in key}
    return [without_times(value) for value in content] if isinstance(content, list) else content
