from __future__ import annotations

from collections import Counter

import pytest

from archwright.errors import UnknownSetting
from archwright.search_strategy.hyperband import Hyperband, bracket_sizes
from archwright.search_strategy.successive_halving.rungs import first_trainings


def test_the_brackets_are_those_of_the_papers_example():
    """R = 81, eta = 3: Li et al. 2018, line 3 of Algorithm 1, for s = 4, 3, 2, 1, 0."""
    assert Hyperband(least_epochs=1).fidelities(81.0) == (1, 3, 9, 27, 81)
    assert bracket_sizes(5, 3) == (81, 34, 15, 8, 5)
    assert bracket_sizes(1, 3) == (1,)


def test_each_bracket_in_turn_has_its_networks_and_its_promotions(toy):
    """R = 9: brackets of 9 networks from 1 epoch, 5 from 3 and 3 from 9; three times over."""
    study = toy.Study(Hyperband(), toy.spaces["flat"])
    new, began = [], {}
    while len(new) < 3 * 17:
        study.run(study.number + 1)
        history = study.history
        began = first_trainings(history)
        new = [
            candidate.epochs for candidate in history.candidates if candidate.continues is None and candidate.state == "complete"
        ]
    assert new == [*[1.0] * 9, *[3.0] * 5, *[9.0] * 3] * 3
    rungs = Counter((began[c.number].epochs, c.epochs) for c in history.candidates if c.state == "complete")
    assert rungs[1.0, 1.0] == 27
    assert rungs[1.0, 3.0] >= 27 // 3
    assert rungs[1.0, 9.0] >= 27 // 9
    assert rungs[3.0, 9.0] >= 15 // 3
    assert rungs[9.0, 9.0] == 9


def test_a_network_competes_only_within_brackets_of_the_same_s(toy):
    """Networks that start with 3 epochs score far better, yet those promoted to 3 epochs are promoted further."""
    study = toy.Study(Hyperband(), toy.spaces["flat"])
    study.scores = lambda c: (toy.score(study.space, c.architecture) + 10 * (c.continues is None and c.epochs == 3.0),)
    history = study.run(60)
    began = first_trainings(history)
    ends = Counter(began[candidate.number].epochs for candidate in history.candidates if candidate.epochs == 9.0)
    assert ends[1.0] >= 2
    assert ends[3.0] >= 2


def test_any_strategy_can_be_the_inner_strategy(toy):
    history = toy.Study(Hyperband(around="regularized_evolution", trials=10), toy.spaces["flat"]).run(60)
    assert any(candidate.parent is not None for candidate in history.candidates if candidate.continues is None)


@pytest.mark.parametrize("settings", [{"eta": 1}, {"least_epochs": 0}, {"trials": 0}, {"around": "hyperband"}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(UnknownSetting, match="strategy 'hyperband', setting"):
        Hyperband(**settings)
