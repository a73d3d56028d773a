from __future__ import annotations

from random import Random

import pytest

from archwright.errors import UnknownSetting
from archwright.search_strategy.asha import ASHA
from archwright.search_strategy.strategy import SizedStrategy


def steps(study, count):
    """What is proposed one after the other, by one worker: (the number it continues, its epochs)."""
    history = study.run(count)
    return [(candidate.continues, candidate.epochs) for candidate in history.candidates]


def test_a_small_search_matches_one_worked_out_by_hand(toy):
    """R = 9 and eta = 3, so rungs of 1, 3 and 9 epochs. A network's score does not change with its epochs."""
    scores = iter([0.1, 0.5, 0.3, 0.5, 0.2, 0.7, 0.7, 0.6, 0.6, 0.7, 0.0])
    study = toy.Study(ASHA(eta=3), toy.spaces["flat"], scores=lambda candidate: (next(scores),))
    assert steps(study, 11) == [
        *[(None, 1.0)] * 3,
        (1, 3.0),  # 0.5 is the best of three; it will be only the third of six
        (None, 1.0),  # the best of four has been promoted
        (None, 1.0),
        (5, 3.0),  # 0.7 is the best of five
        (None, 1.0),
        (7, 3.0),  # 0.6 is among the best two of six
        (6, 9.0),  # 0.7 is the best of three on the second rung
        (None, 1.0),
    ]


class Learning:
    """Scores that grow with the epochs, so that the ranks of networks change from rung to rung."""

    def __call__(self, candidate):
        rng = Random(candidate.key)
        return (rng.random() * (1 - rng.random() / candidate.epochs),)


@pytest.mark.parametrize("workers", [1, 5])
@pytest.mark.parametrize("around", ["random", "regularized_evolution"])
def test_every_promotion_is_among_the_best_of_its_rung_and_none_is_missed(toy, workers, around):
    study = toy.Study(ASHA(eta=2, around=around), toy.spaces["flat"], epochs=8.0, scores=Learning())
    ladder, promotions = [2.0, 4.0, 8.0], 0
    order = Random(workers)
    for _ in range(150):
        history, proposal = study.history, study.propose()
        gone_on = {c.continues for c in history.candidates}
        open_to = {}  # by epochs: the numbers of those that have fewer than half of their rung above them, and may go on
        for rung in ladder[:-1]:
            results = [c for c in history.finished if c.epochs == rung and c.state == "complete"]
            best = [c for c in results if sum(other.score > c.score for other in results) < len(results) // 2]
            open_to[rung] = {c.number for c in best} - gone_on
        if proposal.continues is None:
            assert not any(open_to.values())
            assert proposal.epochs == ladder[0]
        else:
            rung = max(rung for rung, numbers in open_to.items() if numbers)
            assert proposal.continues in open_to[rung]
            assert proposal.epochs == 2 * rung
            promotions += 1
        study.start()
        while len(study.pending) >= workers:
            study.finish(order.randrange(len(study.pending)))
    assert promotions > 40


def test_the_best_network_is_trained_to_the_end(toy):
    history = toy.Study(ASHA(eta=3), toy.spaces["flat"]).run(120)
    full = [candidate for candidate in history.complete if candidate.epochs == 9.0]
    assert history.best() in full
    assert history.best().score == max(candidate.score for candidate in history.complete)


def test_where_a_full_training_is_short_every_network_gets_one(toy):
    history = toy.Study(ASHA(eta=4), toy.spaces["flat"], epochs=2.0).run(20)
    assert {(candidate.continues, candidate.epochs) for candidate in history.candidates} == {(None, 2.0)}


def test_the_inner_strategy_is_sized_for_all_networks_that_the_budget_pays_for(toy):
    """20 full trainings of 9 epochs pay for 20 * 9 / (1 + 2/3 + 6/9) = 77 networks: a population of 19."""
    strategy = ASHA(eta=3, around="regularized_evolution").for_budget(20)
    assert isinstance(strategy, SizedStrategy)
    new = [candidate for candidate in toy.Study(strategy, toy.spaces["flat"]).run(60).candidates if candidate.continues is None]
    assert [candidate.parent is None for candidate in new].index(False) == 19


def test_trials_that_are_set_are_kept():
    assert ASHA(trials=7).for_budget(20).trials == 7


@pytest.mark.parametrize("settings", [{"eta": 1}, {"least_epochs": 0.5}, {"trials": 0}, {"around": "asha"}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(UnknownSetting, match="strategy 'asha', setting"):
        ASHA(**settings)


def test_limitations_are_those_of_the_inner_strategy(toy):
    assert "at random" in ASHA(around="optuna:gp").limitations(toy.spaces["conditional"])
    assert ASHA().limitations(toy.spaces["conditional"]) is None
