"""A one-shot method as a strategy: its supernet's row is begun once, and derived candidates are proposed in order."""

from random import Random

import pytest

from archwright.evaluate.history import Candidate, History, Objective
from archwright.evaluate.job import Outcome
from archwright.ledger.ledger import Ledger
from archwright.ledger.row import Row
from archwright.search_space import make_space
from archwright.study.supernet_search import SupernetSearch

SPACE = make_space("nasbench201")
ARCHITECTURES = [SPACE.sample(Random(i)) for i in range(3)]
FOUND = tuple({"architecture": a.to_json(), "score": 0.5, "epoch": 4.0} for a in ARCHITECTURES)


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open("memory:", tmp_path, "run") as ledger:
        yield ledger


@pytest.fixture
def search(ledger):
    return SupernetSearch("darts", ledger, 8.0)


def history(count):
    return History((Objective("accuracy", True),), tuple(Candidate(i, ARCHITECTURES[i], str(i), "failed") for i in range(count)))


def test_before_its_training_a_supernet_has_found_nothing(search):
    assert (search.training, search.trains, search.ended, tuple(search.found), search.seconds) == (None, False, False, (), 0.0)


def test_the_training_is_begun_once_with_its_own_seed(search, ledger):
    row = search.begin(seed=3)
    assert search.begin(seed=3) == row == search.training
    assert (row.stage, row.strategy, row.epochs, row.state) == ("supernet", "darts", 8.0, "running")
    assert (search.trains, search.ended) == (True, False)
    other = SupernetSearch("gdas", ledger, 8.0).begin(seed=3)
    assert other.seed != row.seed
    assert len(ledger.rows("supernet")) == 2


def test_derived_candidates_are_proposed_in_order(search, ledger):
    ledger.finish(search.begin(0), "complete", Outcome("complete", seconds=7.0, found=FOUND))
    assert (search.ended, search.trains, search.seconds) == (True, False, 7.0)
    proposed = [search.propose(SPACE, history(count), Random(0)) for count in range(3)]
    assert [proposal.architecture for proposal in proposed] == ARCHITECTURES
    assert proposed[0].note == {"shared_score": 0.5, "supernet_epoch": 4.0}


@pytest.mark.parametrize("state", ["failed", "refused"])
def test_a_failed_training_has_found_nothing(search, ledger, state):
    ledger.finish(search.begin(0), state, Outcome(state, "boom", seconds=2.0))
    assert (search.ended, tuple(search.found), search.seconds) == (True, (), 2.0)


def test_two_coordinators_begin_only_one_row(tmp_path):
    url = f"journal:{tmp_path / 'journal'}"
    with Ledger.open(url, tmp_path, "run") as ours, Ledger.open(url, tmp_path, "run") as theirs:
        theirs.refresh()
        first = ours.begin_once(Row("supernet", "darts", key="supernet", seed=1, epochs=2.0))
        second = theirs.begin_once(Row("supernet", "darts", key="supernet", seed=1, epochs=2.0))
        assert first.run_number == second.run_number == 0
        assert second.coordinator == ours.coordinator
