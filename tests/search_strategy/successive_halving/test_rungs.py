from __future__ import annotations

import pytest

from archwright.architecture.architecture import Architecture
from archwright.errors import InputError
from archwright.evaluate.history import Candidate, History, Objective
from archwright.search_strategy.successive_halving.rungs import (
    first_trainings,
    full_epochs,
    mean_epochs_per_network,
    promotion,
    rungs,
)

ACCURACY = (Objective("accuracy", maximize=True),)


@pytest.mark.parametrize(
    ("epochs", "eta", "least", "ladder"),
    [
        (81.0, 3, 1.0, (1, 3, 9, 27, 81)),
        (256.0, 4, 1.0, (1, 4, 16, 64, 256)),  # the paper's example: R = 256, r = 1, eta = 4
        (16.0, 4, None, (1, 4, 16)),
        (256.0, 4, None, (16, 64, 256)),
        (4.0, 4, None, (1, 4)),
        (3.0, 4, None, (3,)),
        (20.0, 3, None, (2, 7, 20)),
        (20.0, 3, 3.0, (7, 20)),
        (0.5, 3, None, (0.5,)),
    ],
)
def test_rungs_are_counted_from_the_full_training_down(epochs, eta, least, ladder):
    assert rungs(epochs, eta, least, "asha") == ladder


def test_the_lowest_rung_must_not_lie_above_the_highest():
    with pytest.raises(InputError, match="'least_epochs': 30 is more than the 20 of a full training"):
        rungs(20.0, 4, 30.0, "asha")


def test_a_history_without_fidelities_is_refused():
    assert full_epochs(History(ACCURACY, epochs=5.0), "asha") == 5.0
    with pytest.raises(InputError, match="'asha' trains most networks only in part"):
        full_epochs(History(ACCURACY), "asha")


def test_what_a_network_costs_is_what_a_whole_bracket_costs_divided_by_its_networks():
    whole = 81 * 1 + 27 * (3 - 1) + 9 * (9 - 3) + 3 * (27 - 9) + 1 * (81 - 27)
    assert mean_epochs_per_network((1, 3, 9, 27, 81), 3) == pytest.approx(whole / 81)
    assert mean_epochs_per_network((81,), 3) == 81


def candidate(number, score, epochs=1.0, continues=None, state="complete"):
    scores = (score,) if state in ("complete", "duplicate") else None
    architecture = Architecture("toy", {}, {"q": number})
    return Candidate(number, architecture, f"{number}", state, scores, epochs=epochs, continues=continues)


def promoted(*candidates, pending=(), eta=2):
    proposal = promotion(History(ACCURACY, candidates, pending, epochs=4.0), candidates, (1.0, 2.0, 4.0), eta)
    return None if proposal is None else (proposal.continues, proposal.epochs)


def test_the_best_share_of_a_rung_is_promoted_and_the_highest_rung_comes_first():
    four = [candidate(number, score) for number, score in enumerate([0.1, 0.4, 0.3, 0.2])]
    assert promoted(four[0]) is None
    assert promoted(*four[:2]) == (1, 2.0)
    assert promoted(*four, candidate(4, 0.5, 2.0, continues=1)) == (2, 2.0)
    assert promoted(*four, candidate(4, 0.5, 2.0, continues=1), candidate(5, 0.6, 2.0, continues=2)) == (5, 4.0)


def test_no_network_is_promoted_twice_whether_its_promotion_is_running_or_has_failed():
    two = [candidate(0, 0.1), candidate(1, 0.4)]
    assert promoted(*two, pending=[candidate(2, 0.0, 2.0, 1, "running")]) is None
    assert promoted(*two, candidate(2, 0.0, 2.0, 1, "failed")) is None


def test_a_failure_is_the_worst_of_its_rung_and_a_duplicate_is_not_on_it():
    assert promoted(candidate(0, 0.0, state="failed"), candidate(1, 0.4)) == (1, 2.0)
    assert promoted(candidate(0, 0.0, state="failed"), candidate(1, 0.0, state="failed")) is None
    assert promoted(candidate(0, 0.4), candidate(1, 0.4, state="duplicate")) is None


def test_of_equals_the_first_to_finish_is_promoted():
    assert promoted(candidate(1, 0.4), candidate(0, 0.4)) == (1, 2.0)


def test_a_training_is_traced_back_to_its_start():
    chain = [candidate(0, 0.1), candidate(1, 0.4), candidate(2, 0.5, 2.0, 1), candidate(3, 0.6, 4.0, 2)]
    assert {number: began.number for number, began in first_trainings(History(ACCURACY, chain)).items()} == {0: 0, 1: 1, 2: 1, 3: 1}
