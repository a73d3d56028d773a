from __future__ import annotations

import copy

import optuna
import pytest
from optuna.trial import TrialState

from archwright.errors import InputError
from archwright.evaluate.history import Proposal
from archwright.search_strategy import make_strategy
from archwright.search_strategy.optuna_adapter.archwright_sampler import ATTRIBUTE, ArchwrightSampler

STRATEGIES = {
    "random": {},
    "regularized_evolution": {"population_size": 8, "sample_size": 3},
    "local_search": {"starts": 3},
    "progressive": {"first": 6, "beam": 6, "surrogate": "mlp", "hidden": 8, "steps": 10},
    "reinforce": {"batch": 3, "hidden": 8},
    "optuna:nsgaii": {"population_size": 6},
}


@pytest.fixture(autouse=True)
def _quiet():
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(verbosity)


@pytest.fixture(params=STRATEGIES)
def strategy(request):
    return make_strategy(request.param, STRATEGIES[request.param])


def optimize(strategy, space, objective, trials, seed=0, study=None, **study_settings):
    study = study or optuna.create_study(**study_settings)
    study.sampler = ArchwrightSampler(strategy, space, seed=seed)
    study.optimize(objective, n_trials=trials, n_jobs=1)
    return study


def objective_of(toy, space, sign=1.0):
    def objective(trial):
        answers = {}
        space.decide(lambda name, options: answers.setdefault(name, trial.suggest_categorical(name, options)))
        return sign * toy.score(space, space.architecture(answers))

    return objective


@pytest.mark.parametrize("space_name", ["conditional", "tiny"])
def test_any_strategy_searches_a_users_own_study(strategy, space_name, toy):
    space = toy.spaces[space_name]
    study = optimize(strategy, space, objective_of(toy, space), 30, direction="maximize")
    assert all(trial.state == TrialState.COMPLETE for trial in study.trials)
    for trial in study.trials:
        assert trial.params == trial.system_attrs[ATTRIBUTE]["answers"]


@pytest.mark.parametrize("name", ["regularized_evolution", "local_search"])
def test_minimize_finds_what_maximize_finds_of_the_negative(name, toy):
    space, strategy = toy.spaces["conditional"], make_strategy(name, STRATEGIES[name])
    up = optimize(strategy, space, objective_of(toy, space), 60, direction="maximize")
    down = optimize(strategy, space, objective_of(toy, space, sign=-1.0), 60, direction="minimize")
    assert [trial.params for trial in up.trials] == [trial.params for trial in down.trials]
    at_random = optimize(make_strategy("random"), space, objective_of(toy, space), 60, direction="maximize")
    assert up.best_value > at_random.best_value


def test_the_same_seed_repeats_the_study_and_a_resumed_one_goes_on_as_it_would_have(strategy, toy):
    space = toy.spaces["conditional"]
    objective = objective_of(toy, space)
    whole = optimize(strategy, space, objective, 24, direction="maximize")
    storage = optuna.storages.InMemoryStorage()
    halves = optimize(strategy, space, objective, 12, direction="maximize", storage=storage, study_name="s")
    resumed = optuna.load_study(study_name="s", storage=storage)
    optimize(copy.deepcopy(strategy), space, objective, 12, study=resumed)
    assert [trial.params for trial in whole.trials] == [trial.params for trial in resumed.trials]
    assert len(halves.trials) == 24
    other = optimize(strategy, space, objective, 24, seed=1, direction="maximize")
    assert [trial.params for trial in whole.trials] != [trial.params for trial in other.trials]


def test_a_study_in_a_file_goes_on_too(toy, tmp_path):
    space, strategy = toy.spaces["tiny"], make_strategy("optuna:nsgaii", {"population_size": 2})
    objective, storage = objective_of(toy, space), f"sqlite:///{tmp_path / 'study.db'}"
    whole = optimize(strategy, space, objective, 6, direction="maximize")
    optimize(strategy, space, objective, 4, direction="maximize", storage=storage, study_name="s")
    resumed = optuna.load_study(study_name="s", storage=storage)
    optimize(make_strategy("optuna:nsgaii", {"population_size": 2}), space, objective, 2, study=resumed)
    assert [trial.params for trial in whole.trials] == [trial.params for trial in resumed.trials]


def test_several_objectives_failed_and_pruned_trials_are_handled(strategy, toy):
    space = toy.spaces["conditional"]

    def objective(trial):
        if trial.number % 5 == 1:
            raise ValueError("before anything was asked")
        layers = space.decide(trial.suggest_categorical)
        if trial.number % 5 == 2:
            raise ValueError("after all was asked")
        if trial.number % 5 == 3:
            raise optuna.TrialPruned
        return len(layers), float("inf") if trial.number % 5 == 4 else sum(width for _, _, width in layers)

    study = optuna.create_study(directions=["maximize", "minimize"], sampler=ArchwrightSampler(strategy, space, seed=0))
    study.optimize(objective, n_trials=40, catch=ValueError)
    states = [trial.state for trial in study.trials]
    assert {TrialState.COMPLETE, TrialState.FAIL, TrialState.PRUNED} == set(states)
    assert len(states) == 40


def test_trials_asked_for_at_once_are_pending_to_each_other(toy):
    space = toy.spaces["conditional"]
    study = optuna.create_study(sampler=ArchwrightSampler(make_strategy("local_search", {"starts": 1}), space, seed=0))
    study.tell(asked := study.ask(), objective_of(toy, space)(asked))
    trials = [study.ask() for _ in range(4)]
    for trial in trials:
        space.decide(trial.suggest_categorical)
    assert len({tuple(trial.params.items()) for trial in trials}) == 4  # no neighbour twice


def test_other_parameters_are_sampled_at_random_and_reproducibly(toy):
    space = toy.spaces["tiny"]

    def objective(trial):
        space.decide(trial.suggest_categorical)
        return trial.suggest_float("rate", 0.0, 1.0)

    rates = [
        [trial.params["rate"] for trial in optimize(make_strategy("random"), space, objective, 6, seed=seed).trials]
        for seed in (0, 0, 1)
    ]
    assert rates[0] == rates[1] != rates[2]
    assert len(set(rates[0])) == 6


def test_a_partly_enqueued_trial_is_not_mistaken_for_the_proposal(toy):
    """Local search takes trials with a parent for steps and those without for starts."""
    space, seen = toy.spaces["conditional"], []

    class Spy:
        def propose(self, space, history, rng):
            seen.append([(candidate.architecture.answers["depth"], candidate.note) for candidate in history.candidates])
            return Proposal(space.architecture({"depth": 1, "0/op": "pool", "0/width": 8}), note={"climb": 0})

    study = optuna.create_study()
    study.enqueue_trial({"depth": 3})
    optimize(Spy(), space, objective_of(toy, space), 3, study=study)
    assert seen == [[], [(3, {})], [(3, {}), (1, {"climb": 0})]]


def test_trials_of_another_origin_are_learned_from(toy):
    space = toy.spaces["tiny"]
    study = optuna.create_study(direction="maximize")
    study.enqueue_trial({"first": "a", "second": "b"})
    optimize(
        make_strategy("regularized_evolution", {"population_size": 2}),
        space,
        lambda t: len(space.decide(t.suggest_categorical)),
        3,
        study=study,
    )
    assert study.trials[0].params == {"first": "a", "second": "b"}
    assert study.trials[2].system_attrs[ATTRIBUTE]["parent"] in (0, 1)


@pytest.mark.parametrize("name", ["asha", "hyperband"])
def test_a_multi_fidelity_strategy_is_refused(name, toy):
    with pytest.raises(InputError, match="an Optuna trial is one full training"):
        ArchwrightSampler(make_strategy(name), toy.spaces["flat"])
