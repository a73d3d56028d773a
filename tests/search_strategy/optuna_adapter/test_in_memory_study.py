from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

from archwright.evaluate.history import Candidate, History, key_of
from archwright.search_strategy.optuna_adapter.in_memory_study import InMemoryStudy


def some(toy, states, space="conditional", scores=(0.5,)):
    """Candidates 0, 1, ... in these states."""
    one, rng = toy.spaces[space], Random(0)
    candidates = []
    for number, state in enumerate(states):
        architecture = one.sample(rng)
        row = (scores[0] + number, *scores[1:]) if state in ("complete", "duplicate") else None
        candidates.append(Candidate(number, architecture, key_of(one, architecture), state, row, seen=number))
    return candidates


def history_of(toy, candidates):
    groups = {"running": [], "refused": []}
    for candidate in candidates:
        groups.setdefault(candidate.state if candidate.state in groups else "finished", []).append(candidate)
    return History(toy.accuracy, groups.get("finished", []), groups["running"], groups["refused"])


def mirror_of(toy, candidates, space="conditional"):
    study = InMemoryStudy(toy.spaces[space], 1)
    study.catch_up(history_of(toy, candidates))
    return study


def contents(study):
    return [(t.number, t.state, t.values, t.params, t.system_attrs) for t in study.study.get_trials(deepcopy=False)]


def test_states_and_values_are_those_of_the_candidates(toy):
    study = mirror_of(toy, some(toy, ["failed", "complete", "complete", "running", "duplicate", "failed", "refused"]))
    trials = study.study.get_trials()
    C, R, F = TrialState.COMPLETE, TrialState.RUNNING, TrialState.FAIL
    assert [trial.state for trial in trials] == [F, C, C, R, C, C, C]
    assert [trial.values for trial in trials] == [None, [1.5], [2.5], None, [4.5], [1.5], [1.5]]  # the worst seen, where it failed


def test_answers_are_mirrored_as_positions_and_1_is_not_true(toy):
    candidates = some(toy, ["complete"] * 5, space="flat")
    for candidate, trial in zip(candidates, mirror_of(toy, candidates, "flat").study.get_trials(), strict=True):
        options = [None, True, 1, "conv"]
        assert all(options[trial.params[name]] is answer for name, answer in candidate.architecture.answers.items())


def test_catching_up_step_by_step_equals_building_at_once(toy):
    study, states = InMemoryStudy(toy.spaces["conditional"], 1), ["running"] * 5
    final = some(toy, ["complete", "failed", "complete", "duplicate", "running"])
    for number in range(5):
        now = [*final[:number], *some(toy, states)[number:]]
        history = history_of(toy, now)
        assert study.can_catch_up(toy.spaces["conditional"], history)
        study.catch_up(history)
    assert contents(study) == contents(mirror_of(toy, [*final[:4], *some(toy, states)[4:]]))


def test_a_number_that_the_history_leaves_out_is_a_failed_trial(toy):
    candidates = some(toy, ["complete", "complete", "complete"])
    trials = mirror_of(toy, [candidates[0], candidates[2]]).study.get_trials()
    assert [trial.state for trial in trials] == [TrialState.COMPLETE, TrialState.FAIL, TrialState.COMPLETE]


@pytest.mark.parametrize("changed", ["shorter", "scores", "note", "architecture", "space", "objectives"])
def test_a_different_history_is_not_caught_up_with(toy, changed):
    candidates = some(toy, ["complete", "complete"])
    study, space = mirror_of(toy, candidates), toy.spaces["conditional"]
    first, last = candidates
    other = {
        "shorter": [first],
        "scores": [first, replace(last, scores=(9.0,))],
        "note": [first, replace(last, note={"optuna": {"trial": {"generation": 1}}})],
        "architecture": [first, replace(last, architecture=first.architecture)],
    }.get(changed, candidates)
    history = history_of(toy, other)
    if changed == "objectives":
        history = replace(history, objectives=toy.two)
    assert study.can_catch_up(space, history_of(toy, candidates))
    assert not study.can_catch_up(toy.spaces["flat"] if changed == "space" else space, history)


def test_a_proposal_that_was_never_recorded_is_forgotten(toy):
    candidates = some(toy, ["complete"])
    study = mirror_of(toy, candidates)
    study.ask(RandomSampler(0))
    assert not study.can_catch_up(toy.spaces["conditional"], history_of(toy, candidates))
