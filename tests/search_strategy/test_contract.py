"""What every search strategy promises. A new one joins by one line in ALL_STRATEGIES."""

from __future__ import annotations

import random
from dataclasses import replace
from random import Random
from statistics import mean

import numpy as np
import pytest

import archwright
from archwright.architecture.variation import replay
from archwright.evaluate.history import Candidate, History, Proposal, key_of
from archwright.search_space import make_space
from archwright.search_strategy import limitations, make_strategy, searched_space, sized_for_budget
from archwright.study import strategy_run

ALL_STRATEGIES = {
    "random": {},
    "regularized_evolution": {"population_size": 8, "sample_size": 3},
    "local_search": {"starts": 3},
    "predictor_guided": {"starts": 4, "ideas": 30},
    "genetic": {"population_size": 6},
    "grid": {},
    "progressive": {"first": 6, "beam": 6, "surrogate": "mlp", "hidden": 8, "steps": 20},
    "reinforce": {"batch": 3, "hidden": 16, "learning_rate": 0.03},
    "asha": {"eta": 3},
    "hyperband": {"around": "regularized_evolution"},
    "optuna:bruteforce": {},
    "optuna:cmaes": {},
    "optuna:gp": {"n_startup_trials": 5},
    "optuna:nsgaii": {"population_size": 5},
    "optuna:nsgaiii": {"population_size": 5},
    "optuna:qmc": {},
    "optuna:random": {},
    "optuna:tpe": {"n_startup_trials": 6},
}
BLIND = {"random", "grid", "asha", "hyperband", "optuna:random", "optuna:bruteforce", "optuna:cmaes", "optuna:qmc"}
"""They use no scores, so they are no better than random, or use them only to continue training random networks."""
SEEDLESS = {"grid", "optuna:qmc"}
"""They propose the same whatever the seed."""
ONE_OBJECTIVE_ONLY = {"optuna:cmaes"}
SLOW = {"optuna:gp"}
SPACES = ["flat", "conditional", "tiny", "single"]


def fresh(name):
    return make_strategy(name, ALL_STRATEGIES[name])


def trials_for(name):
    return 7 if name in SLOW else 18


@pytest.fixture(params=ALL_STRATEGIES)
def name(request):
    return request.param


@pytest.fixture(params=SPACES)
def space(request, toy):
    return toy.spaces[request.param]


def check(proposal, space):
    """An architecture that the space itself accepts."""
    assert isinstance(proposal, Proposal)
    replay(space.decide, proposal.architecture.answers)
    assert proposal.architecture == space.architecture(dict(proposal.architecture.answers))


def test_an_empty_history_gets_a_valid_proposal(name, space, toy):
    check(fresh(name).propose(space, History(toy.accuracy, epochs=toy.epochs), Random(1)), space)


def test_every_proposal_is_valid_even_where_all_networks_are_known(name, space, toy):
    study = toy.Study(fresh(name), space)
    history = study.run(trials_for(name))
    for candidate in history.candidates:
        replay(space.decide, candidate.architecture.answers)
    check(study.propose(), space)


@pytest.mark.parametrize("built_in", ["cell", "chain", "enas_macro", "nasbench201", "recurrent"])
def test_the_spaces_of_the_library_are_searched(name, built_in, toy):
    space = searched_space(fresh(name), make_space(built_in))
    for candidate in toy.Study(fresh(name), space).run(7 if name in SLOW else 12).candidates:
        replay(space.decide, candidate.architecture.answers)


def test_parents_are_numbers_of_earlier_candidates(name, toy):
    for candidate in toy.Study(fresh(name), toy.spaces["flat"]).run(trials_for(name)).candidates:
        assert candidate.parent is None or 0 <= candidate.parent < candidate.number


@pytest.mark.parametrize("workers", [1, 4])
def test_a_restarted_search_proposes_what_it_would_have_proposed(name, space, workers, toy):
    study = toy.Study(fresh(name), space, seed=7)
    steps = 1 if name in SLOW else 3
    study.run(trials_for(name) - steps, workers)
    for _ in range(steps):  # with a restart at every step, against a process that keeps its caches
        study.start()
        assert study.propose(fresh(name)) == study.propose()
        if study.pending:
            study.finish()
        assert study.propose(fresh(name)) == study.propose()


def test_the_same_seed_repeats_the_search_and_another_does_not(name, toy):
    once, again, other = (
        [c.architecture for c in toy.Study(fresh(name), toy.spaces["flat"], seed=seed).run(trials_for(name)).candidates]
        for seed in (3, 3, 4)
    )
    assert once == again
    assert once != other or name in SEEDLESS


def told(study, trials, toy, workers=1):
    """Asks and tells until `trials` scores are told or nothing new comes; what was proposed, in order."""
    proposed = []
    for _ in range(trials):
        while len(study.open) < workers and (proposal := study.ask()) is not None:
            proposed.append((proposal.number, proposal.architecture, proposal.seed, proposal.epochs, proposal.continues))
        if not study.open:
            break
        study.tell(study.open[0], toy.score(study.space, study.open[0].architecture))
    return proposed


@pytest.mark.parametrize(("toy_space", "workers"), [("conditional", 3), ("tiny", 1)])
def test_asked_and_told_it_proposes_each_network_once(name, toy_space, workers, toy, monkeypatch):
    monkeypatch.setattr(strategy_run, "EXHAUSTED_AFTER", 30)
    space = toy.spaces[toy_space]
    with archwright.Study(space, fresh(name), epochs=toy.epochs) as study:
        proposed = told(study, trials_for(name), toy, workers)
        for _, architecture, *_ in proposed:
            replay(space.decide, architecture.answers)
        once = {(key_of(space, architecture), epochs) for _, architecture, _, epochs, _ in proposed}
        assert len(once) == len(proposed) > 0
        assert len([candidate for candidate in study.history.finished if candidate.state == "complete"]) >= trials_for(name) or (
            study.ask() is None
        )
        scores = [toy.score(space, candidate.architecture) for candidate in study.history.complete]
        assert study.best.score == max(scores) or study.best.fidelity == toy.epochs  # the best at the highest fidelity


def test_asked_and_told_a_stored_search_goes_on_as_if_it_had_not_been_interrupted(name, toy, tmp_path):
    space, trials = toy.spaces["conditional"], min(10, trials_for(name))
    with archwright.Study(space, fresh(name), seed=3, epochs=toy.epochs) as study:
        whole = told(study, trials, toy)
    parts = []
    for more in (1, 3, trials - 4):
        with archwright.Study(space, fresh(name), seed=3, epochs=toy.epochs, storage=tmp_path / "study.db") as study:
            parts += told(study, more, toy)
            parts.append(study.ask())  # open when the process ends: asked again, under its own number and seed
            assert parts.pop().number == len(study.history.candidates) - 1
    assert parts == whole


def test_a_proposal_is_a_function_of_its_arguments(name, toy):
    strategy, one = fresh(name), toy.spaces["flat"]
    history = toy.Study(strategy, one).run(trials_for(name))
    proposal = strategy.propose(one, history, Random(5))
    strategy.propose(toy.spaces["conditional"], History(toy.accuracy, epochs=toy.epochs), Random(6))  # another search in between
    assert strategy.propose(one, history, Random(5)) == proposal


def test_global_random_state_is_left_alone(name, toy):
    study = toy.Study(fresh(name), toy.spaces["flat"])
    study.run(trials_for(name))
    before = random.getstate(), str(np.random.get_state())  # noqa: NPY002 - the global generator is what is watched
    study.propose()
    assert (random.getstate(), str(np.random.get_state())) == before  # noqa: NPY002


def test_the_history_is_not_changed(name, toy):
    history = toy.Study(fresh(name), toy.spaces["conditional"]).run(trials_for(name))
    copies = [replace(candidate) for candidate in history.candidates]
    fresh(name).propose(toy.spaces["conditional"], history, Random(0))
    assert list(history.candidates) == copies


def fail_some(candidate: Candidate) -> str | None:
    return {0: "failed", 1: "refused"}.get(int(candidate.key, 16) % 4)


@pytest.mark.parametrize("workers", [1, 3])
def test_failed_refused_duplicate_and_pending_candidates_are_handled(name, space, workers, toy):
    study = toy.Study(fresh(name), space, fails=fail_some)
    study.run(trials_for(name), workers)
    for _ in range(3):
        check(study.propose(), space)
        study.start()


def test_a_search_in_which_everything_fails_goes_on(name, space, toy):
    study = toy.Study(fresh(name), space, fails=lambda candidate: "failed")
    study.run(15)
    check(study.propose(), space)


def test_several_workers_do_not_get_the_same_network_again_and_again(name, toy):
    study = toy.Study(fresh(name), toy.spaces["flat"])
    study.run(trials_for(name))
    for _ in range(6):
        study.start()
    assert len({candidate.key for candidate in study.pending}) >= 4


def test_two_objectives_are_searched(name, space, toy):
    if name in ONE_OBJECTIVE_ONLY:
        pytest.skip("takes only one objective, and says so: test_optuna_samplers.py")
    study = toy.Study(fresh(name), space, objectives=toy.two)
    history = study.run(trials_for(name), workers=2)
    assert any(len(candidate.scores or ()) == 2 for candidate in history.finished)
    assert study.propose(fresh(name)) == study.propose()


def best_after(strategy, space, toy, trials, seed):
    return toy.Study(strategy, space, seed=seed).run(trials).best().score


@pytest.mark.parametrize("space_name", ["flat", "conditional"])
def test_it_beats_random_search(name, space_name, toy):
    if name in BLIND:
        pytest.skip("uses no scores")
    space = toy.spaces[space_name]
    if "at random" in (limitations(fresh(name), space) or ""):
        pytest.skip("answers most questions of this space at random, and says so")
    repeats, trials = (2, 16) if name in SLOW else (4, 60)
    ours = mean(best_after(fresh(name), space, toy, trials, seed) for seed in range(repeats))
    by_chance = mean(best_after(make_strategy("random"), space, toy, trials, seed) for seed in range(20))
    assert ours > by_chance + 0.03


def test_sizes_left_unset_follow_the_budget_and_stay_valid(name, toy):
    for trials in (None, 1, 20, 4000):
        strategy = sized_for_budget(make_strategy(name), trials)
        check(strategy.propose(toy.spaces["flat"], History(toy.accuracy, epochs=toy.epochs), Random(0)), toy.spaces["flat"])


def test_what_is_proposed_has_the_key_that_the_study_gives_it(name, toy):
    history = toy.Study(fresh(name), toy.spaces["tiny"]).run(12)
    assert {candidate.key for candidate in history.complete} <= {
        key_of(toy.spaces["tiny"], architecture) for architecture in toy.spaces["tiny"].enumerate()
    }
