from __future__ import annotations

import pytest

from archwright.benchmark.request import BenchmarkRequest
from archwright.errors import InputError, UnknownName, UnknownSetting
from archwright.study.strategies_by_name import all_strategy_names


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"queries": 0}, "queries is 0: give a whole number of at least 1"),
        ({"repeats": -1}, "repeats is -1"),
        ({"in_flight": 0}, "in_flight is 0"),
        ({"seed": -1}, "seed is -1: give a whole number of at least 0"),
        ({"strategies": ()}, "no strategy was given"),
        ({"strategies": ("random", "random")}, "random is named more than once"),
        ({"benchmark": "mine.csv"}, "give the space of its architectures"),
        ({"space": "chain"}, "has its own space: leave out --space"),
        ({"settings": {"space.repeats": "3"}}, "has its own space"),
    ],
)
def test_options_that_do_not_fit_are_refused(wrong, says):
    with pytest.raises(InputError, match=says):
        BenchmarkRequest(**{"benchmark": "nasbench201", **wrong})


@pytest.mark.parametrize("key", ["genetic.population_size", "random", "population_size"])
def test_settings_must_begin_with_a_strategy_that_takes_part(key):
    with pytest.raises(UnknownSetting, match=rf"--set {key}: begin the key with one of space., random."):
        BenchmarkRequest("nasbench201", strategies=("random",), settings={key: "3"})


def test_settings_belong_to_one_strategy():
    request = BenchmarkRequest("nasbench201", settings={"genetic.mutation": "1", "optuna:tpe.n_startup_trials": "7"})
    assert request.settings_for("genetic") == {"mutation": "1"}
    assert request.settings_for("optuna:tpe") == {"n_startup_trials": "7"}


def test_all_means_every_strategy_and_named_ones_come_first():
    request = BenchmarkRequest("nasbench201", strategies=("all", "optuna:gp", "mine:Mine"))
    assert request.candidates[:2] == ("optuna:gp", "mine:Mine")
    assert set(request.candidates) == {*all_strategy_names(), "mine:Mine"}
    assert len(request.candidates) == len(set(request.candidates))


@pytest.mark.parametrize(
    ("request_", "error", "says"),
    [
        (BenchmarkRequest("nasbench201"), InputError, "choose one with --dataset from cifar10, cifar100, imagenet16-120"),
        (BenchmarkRequest("nasbench201", dataset="cifar"), InputError, "no data set 'cifar': choose from cifar10"),
        (BenchmarkRequest("nasbench2"), UnknownName, "did you mean 'nasbench201'"),
        (BenchmarkRequest("not_there.csv", space="chain"), InputError, "there is no file not_there.csv"),
    ],
)
def test_a_missing_table_is_named(request_, error, says):
    with pytest.raises(error, match=says):
        request_.load()


@pytest.mark.parametrize(
    ("request_", "folder"),
    [
        (BenchmarkRequest("nasbench201", dataset="cifar10"), "runs/bench-nasbench201-cifar10"),
        (BenchmarkRequest("../far/mine.csv.gz", space="chain"), "runs/bench-mine-table"),
    ],
)
def test_the_folder_is_named_after_the_benchmark(request_, folder):
    assert str(request_.folder) == folder
