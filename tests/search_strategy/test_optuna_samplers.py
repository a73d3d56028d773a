from __future__ import annotations

import logging
import warnings
from random import Random

import optuna
import pytest
import torch

from archwright.errors import InputError
from archwright.evaluate.history import History
from archwright.search_strategy import limitations, make_strategy
from archwright.search_strategy.optuna_samplers import sampler_settings


def keys(history):
    return [candidate.key for candidate in history.candidates]


@pytest.mark.parametrize("name", ["optuna:bruteforce", "optuna:grid"])
def test_an_exhaustive_sampler_takes_every_architecture_once(name, toy):
    space = toy.spaces["tiny"]
    for seed in range(3):
        history = toy.Study(make_strategy(name), space, seed=seed).run(4)
        assert {tuple(c.architecture.answers.values()) for c in history.candidates} == set(map(tuple, ("aa", "ab", "ba", "bb")))


def test_brute_force_takes_every_architecture_of_a_conditional_space_once(toy):
    count = toy.spaces["tiny"].count()
    history = toy.Study(make_strategy("optuna:bruteforce"), toy.spaces["conditional"]).run(30)
    assert len(set(keys(history))) == 30 > count


def test_a_quasi_random_sequence_goes_on_and_covers_the_options_evenly(toy):
    history = toy.Study(make_strategy("optuna:qmc"), toy.spaces["flat"]).run(33)
    for question in toy.spaces["flat"].questions():
        taken = [question.position(c.architecture.answers[question.name]) for c in history.candidates[1:]]
        assert [taken.count(i) for i in range(4)] == [8, 8, 8, 8]


def test_nsgaii_breeds_generations_from_notes_alone(toy):
    strategy = make_strategy("optuna:nsgaii", {"population_size": 5})
    history = toy.Study(strategy, toy.spaces["flat"]).run(20)
    generations = [candidate.note["optuna"]["trial"]["NSGAIISampler:generation"] for candidate in history.candidates]
    assert generations == [0] * 5 + [1] * 5 + [2] * 5 + [3] * 5


@pytest.mark.parametrize("name", ["optuna:tpe", "optuna:gp"])
def test_a_region_that_fails_is_avoided(name, toy):
    """Optuna's samplers ignore failed trials; here they count as the worst result seen."""
    space = toy.spaces["flat"]

    def fails(candidate):
        return "failed" if candidate.architecture.answers["0/op"] is True else None

    trials = 30 if name == "optuna:tpe" else 14
    history = toy.Study(make_strategy(name, {"n_startup_trials": 8}), space, seed=1, fails=fails).run(trials)
    late = history.candidates[8:]
    assert sum(candidate.state == "failed" for candidate in late) <= len(late) // 3


def test_cmaes_takes_one_objective(toy):
    with pytest.raises(InputError, match=r"one objective.*optuna:nsgaii"):
        make_strategy("optuna:cmaes").propose(toy.spaces["flat"], History(toy.two), Random(0))


def test_a_grid_that_is_too_large_is_refused(toy):
    with pytest.raises(InputError, match=r"65,536 combinations.*optuna:bruteforce"):
        make_strategy("optuna:grid").propose(toy.spaces["flat"], History(toy.accuracy), Random(0))


@pytest.mark.parametrize(
    ("name", "flat", "conditional"),
    [
        ("optuna:gp", None, "and 15 more at random"),
        ("optuna:nsgaii", None, "at random"),
        ("optuna:nsgaiii", None, "at random"),
        ("optuna:qmc", None, "at random"),
        ("optuna:tpe", None, "models each conditional question independently"),
        ("optuna:cmaes", "every question of a space at random", "every question of a space at random"),
        ("optuna:bruteforce", None, None),
        ("optuna:random", None, None),
        ("optuna:grid", None, "repeats networks"),
    ],
)
def test_a_sampler_says_what_it_cannot_model(name, flat, conditional, toy):
    strategy = make_strategy(name)
    for space, expected in (("flat", flat), ("conditional", conditional)):
        said = limitations(strategy, toy.spaces[space])
        assert said is None if expected is None else expected in said


def test_unset_sizes_follow_the_budget_up_to_optunas_defaults():
    defaults = {name: sampler_settings(name) for name in ("tpe", "nsgaii")}
    assert make_strategy("optuna:tpe").for_budget(20).settings == {"n_startup_trials": 5}
    assert make_strategy("optuna:tpe").for_budget(9999).settings == {"n_startup_trials": defaults["tpe"]["n_startup_trials"]}
    assert make_strategy("optuna:nsgaii").for_budget(8).settings == {"population_size": 4}
    assert make_strategy("optuna:nsgaii", {"population_size": "6"}).for_budget(200).settings == {"population_size": 6}
    assert make_strategy("optuna:nsgaii").for_budget(None).settings == {}


def test_settings_reach_the_sampler(toy):
    """Without a random start TPE proposes by its model from the second trial on, with a long one only at random."""
    space = toy.spaces["flat"]
    by_model = toy.Study(make_strategy("optuna:tpe", {"n_startup_trials": 1}), space).run(12)
    at_random = toy.Study(make_strategy("optuna:tpe", {"n_startup_trials": 50}), space).run(12)
    assert keys(by_model)[:1] == keys(at_random)[:1]
    assert keys(by_model) != keys(at_random)


def test_optunas_log_level_warnings_and_torchs_threads_are_left_as_they_were(toy, caplog):
    threads = torch.get_num_threads()
    optuna.logging.set_verbosity(optuna.logging.INFO)
    optuna.logging.enable_propagation()
    try:
        with caplog.at_level(logging.DEBUG), warnings.catch_warnings():
            warnings.simplefilter("error")
            toy.Study(make_strategy("optuna:gp", {"n_startup_trials": 2}), toy.spaces["conditional"]).run(4)
        assert caplog.records == []
        assert optuna.logging.get_verbosity() == optuna.logging.INFO
        assert torch.get_num_threads() == threads
    finally:
        optuna.logging.disable_propagation()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
