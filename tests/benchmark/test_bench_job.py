"""`archwright bench` from the command line, on the shipped table."""

from __future__ import annotations

import json
import re

import pytest

from archwright.benchmark import run_benchmark as run_benchmark_module
from archwright.cli import main

SENTENCE = re.compile(r"archwright: [^\n]+\n")
SHORT = ("--dataset", "cifar100", "--queries", "20", "--repeats", "2", "--workers", "1", "--out", "out")


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Run a command in an empty folder; returns its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["archwright", "bench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0, *capsys.readouterr()

    return run


def test_a_benchmark_prints_its_table_and_writes_results_and_report(call, tmp_path):
    code, out, err = call("nasbench201", "--strategies", "random,genetic", "--set", "genetic.population_size=5", *SHORT)
    assert code == 0, err
    results = json.loads((tmp_path / "out" / "results.json").read_text(), parse_constant=pytest.fail)
    assert {key: results[key] for key in ("benchmark", "dataset", "queries", "repeats")} == {
        "benchmark": "nasbench201", "dataset": "cifar100", "queries": 20, "repeats": 2,
    }  # fmt: skip
    for entry in results["strategies"]:
        assert set(entry["regret_valid"]) == set(entry["regret_valid_se"]) == set(entry["regret_test"]) == {"10", "20"}
        assert entry["regret_valid"]["20"] <= entry["regret_valid"]["10"]
        assert f"{entry['regret_valid']['20']:.2f} ± " in out
    assert {entry["name"]: entry["settings"] for entry in results["strategies"]} == {
        "random": {},
        "genetic": {"population_size": "5"},
    }
    assert "lowest mean validation regret after 20 queries" in " ".join(out.split())
    assert "cifar100" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "genetic: 2 searches done" in err


def test_the_same_command_prints_the_same_and_another_is_refused(call, monkeypatch):
    _, out, _ = call("nasbench201", "--strategies", "random", *SHORT)
    monkeypatch.setattr(run_benchmark_module, "Workers", None)
    assert call("nasbench201", "--strategies", "random", *SHORT) == (0, out, "")
    code, out, err = call("nasbench201", "--strategies", "random,grid", *SHORT)
    assert (code, out) == (2, "")
    assert "strategies was ['random'] and is now ['random', 'grid']): give another folder" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("nasbench201",), "choose one with --dataset from cifar10"),
        (("nasbench202", "--dataset", "cifar10"), "did you mean 'nasbench201'"),
        (("nasbench201", "--dataset", "cifar10", "--strategies", "randm"), "did you mean 'random'"),
        (("nasbench201", "--dataset", "cifar10", "--strategies", "darts"), "trains a supernet"),
        (("nasbench201", "--dataset", "cifar10", "--queries", "0"), "queries is 0"),
        (("nasbench201", "--dataset", "cifar10", "--set", "genetic.x=1"), "has no setting 'x'"),
        (("nasbench201", "--dataset", "cifar10", "--repeat", "3"), "No such option"),
        (("table.csv", "--space", "chain"), "there is no file table.csv"),
        (("table.csv",), "give the space of its architectures"),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_is_written(call, tmp_path, arguments, says):
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert SENTENCE.fullmatch(err), err
    assert says in err
    assert not list(tmp_path.iterdir())
