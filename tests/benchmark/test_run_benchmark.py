"""Benchmarks from the request to the results, on a table of a toy space."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest

from archwright.benchmark import run_benchmark as run_benchmark_module
from archwright.benchmark.request import BenchmarkRequest
from archwright.benchmark.run_benchmark import left_out_lines, results_of, run_benchmark
from archwright.errors import InputError, RunFolderError, UnknownSetting
from archwright.study.time_plan import Skipped

MODULE = '''
from dataclasses import dataclass

from archwright import Proposal, SearchSpace


@dataclass(frozen=True)
class Dials(SearchSpace):
    """Two dials of six."""

    def decide(self, choose):
        return choose("a", range(6)), choose("b", range(6))

    def build(self, description, problem):
        raise NotImplementedError


@dataclass(frozen=True)
class Sluggish:
    """A slow strategy."""

    def propose(self, space, history, rng):
        sum(range(1_000_000))
        return Proposal(space.sample(rng))


@dataclass(frozen=True)
class Partial:
    """A strategy that asks for short trainings."""

    def propose(self, space, history, rng):
        return Proposal(space.sample(rng), epochs=1)
'''


@pytest.fixture
def request_(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = f"toy_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(MODULE)
    with (tmp_path / "dials.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["architecture", "toy_valid", "toy_test"])
        writer.writerows([json.dumps({"a": a, "b": b}), 50 + 6 * a + b, 50 + 5 * a + b] for a in range(6) for b in range(6))
    return BenchmarkRequest(
        "dials.csv", space=f"{name}:Dials", strategies=("random", "genetic"), queries=12, repeats=3, workers=1, out=tmp_path / "out"
    )


def test_a_benchmark_has_results_and_is_not_run_twice(request_, monkeypatch):
    folder = run_benchmark(request_)
    results = results_of(folder)
    assert (results["benchmark"], results["dataset"], results["best_valid"]) == ("dials", "toy", 85.0)
    assert {entry["name"] for entry in results["strategies"]} == {"random", "genetic"}
    assert all(set(entry["regret_valid"]) == {"10", "12"} for entry in results["strategies"])
    monkeypatch.setattr(run_benchmark_module, "benchmark_results", None)
    assert results_of(run_benchmark(request_)) == results


def test_the_same_seed_gives_the_same_results_in_one_process_and_in_two(request_, tmp_path):
    def regrets(**other):
        entries = results_of(run_benchmark(replace(request_, **other)))["strategies"]
        return [(entry["name"], entry["regret_valid"], entry["regret_test"]) for entry in entries]

    once = regrets()
    assert regrets(workers=2, out=tmp_path / "two") == once
    assert regrets(seed=9, out=tmp_path / "other") != once


def test_an_interrupted_benchmark_continues_where_it_stopped(request_, monkeypatch):
    whole = results_of(run_benchmark(request_))
    request_ = replace(request_, out=request_.out.parent / "stopped")
    search, made = run_benchmark_module.Workers.run, []

    def stop(self, orders):
        for order, found in search(self, orders):
            if len(made) == 4:
                raise KeyboardInterrupt
            made.append(order)
            yield order, found

    monkeypatch.setattr(run_benchmark_module.Workers, "run", stop)
    with pytest.raises(KeyboardInterrupt):
        run_benchmark(request_)
    monkeypatch.setattr(run_benchmark_module.Workers, "run", lambda self, orders: made.extend(orders) or search(self, orders))
    resumed = results_of(run_benchmark(request_))
    assert len(made) == len(set(made)) == 6
    assert [e["regret_valid"] for e in resumed["strategies"]] == [e["regret_valid"] for e in whole["strategies"]]


def test_another_request_is_refused_in_the_same_folder(request_):
    run_benchmark(request_)
    with pytest.raises(RunFolderError, match="repeats was 3 and is now 4"):
        run_benchmark(replace(request_, repeats=4))
    (request_.out.parent / "dials.csv").write_text((request_.out.parent / "dials.csv").read_text().replace("85", "86"))
    with pytest.raises(RunFolderError, match="table_hash"):
        run_benchmark(request_)


def test_all_leaves_out_strategies_that_are_slow_or_cannot_search_a_table(request_, monkeypatch, capsys):
    module = request_.space.partition(":")[0]
    names = ["random", "darts", f"{module}:Sluggish", f"{module}:Partial"]
    monkeypatch.setattr("archwright.benchmark.request.all_strategy_names", lambda: names)
    monkeypatch.setattr(run_benchmark_module, "SLOWEST", 0.002)
    results = results_of(run_benchmark(replace(request_, strategies=("all", "genetic"))))
    assert {entry["name"] for entry in results["strategies"]} == {"random", "genetic"}
    reasons = {skipped["name"].rpartition(":")[2]: skipped["reason"] for skipped in results["left_out"]}
    assert "trains a supernet" in reasons["darts"]
    assert "ms per proposal, but 'all' allows at most 2: name it" in reasons["Sluggish"]
    assert "asks for parts of trainings" in reasons["Partial"]
    assert "left out: darts: trains a supernet, but a table holds" in capsys.readouterr().err


def test_strategies_left_out_for_the_same_reason_share_a_line():
    left_out = [Skipped("a", "too slow"), Skipped("b", "one-shot"), Skipped("c", "too slow")]
    assert left_out_lines(left_out) == ["left out: a, c: too slow", "left out: b: one-shot"]


def test_named_strategies_take_part_however_slow_they_are(request_, monkeypatch):
    monkeypatch.setattr(run_benchmark_module, "SLOWEST", 0.0)
    slow = f"{request_.space.partition(':')[0]}:Sluggish"
    results = results_of(run_benchmark(replace(request_, strategies=(slow,), queries=3, repeats=1)))
    assert [entry["name"] for entry in results["strategies"]] == [slow]


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"strategies": ("darts",)}, InputError, "'darts' trains a supernet"),
        ({"strategies": ("genetics",)}, InputError, "did you mean 'genetic'"),
        ({"settings": {"genetic.size": "3"}}, UnknownSetting, "'genetic' has no setting 'size'"),
        ({"strategies": ("all",), "settings": {"genetic.size": "3"}}, UnknownSetting, "'genetic' has no setting 'size'"),
    ],
)
def test_nothing_is_written_for_a_request_that_cannot_be_run(request_, wrong, error, says):
    with pytest.raises(error, match=says):
        run_benchmark(replace(request_, **wrong))
    assert not request_.out.exists()


def test_a_named_strategy_that_cannot_search_tables_is_refused(request_):
    partial = f"{request_.space.partition(':')[0]}:Partial"
    with pytest.raises(InputError, match="asks for parts of trainings"):
        run_benchmark(replace(request_, strategies=(partial,)))
