"""A loop of one's own: what `ask` and `tell` promise beyond the contract that every strategy passes through them."""

import multiprocessing
from dataclasses import dataclass

import numpy as np
import pytest

import archwright
from archwright.data.arrays import Arrays
from archwright.errors import InputError, RunFolderError
from archwright.evaluate.history import Proposal
from archwright.search_space.chain import Chain
from archwright.search_strategy.local_search import LocalSearch
from archwright.search_strategy.regularized_evolution import RegularizedEvolution
from archwright.study import strategy_run


def score(architecture):
    return list(architecture.answers.values()).count("nor_conv_3x3") / 6


def climb(study, trials):
    for _ in range(trials):
        proposal = study.ask()
        study.tell(proposal, score(proposal.architecture))
    return study


@dataclass(frozen=True)
class Same:
    """Proposes one network again and again."""

    def propose(self, space, history, rng):
        return Proposal(space.architecture(dict.fromkeys(("0->1", "0->2", "1->2", "0->3", "1->3", "2->3"), "none")))


def test_a_strategy_learns_from_what_it_is_told():
    evolution, random = (
        climb(archwright.Study("nasbench201", name, seed=1, trials=60), 60) for name in ("regularized_evolution", "random")
    )
    assert evolution.best.score > random.best.score
    assert len(evolution.history.complete) == 60


def test_an_object_with_its_settings_is_a_strategy_and_a_space():
    small = RegularizedEvolution(population_size=4, sample_size=2)
    study = climb(archwright.Study("nasbench201", small, seed=1), 60)
    assert len({candidate.parent for candidate in study.history.complete}) > 10  # after four random ones, all have parents
    assert archwright.Study(Chain(width=8), Same()).space == Chain(width=8)


def test_the_space_is_fitted_to_the_data():
    series = Arrays(x=np.zeros((60, 2, 16)), y=np.arange(60) % 2)
    study = archwright.Study("chain", "random", data=series)
    assert study.space.dimensions == 1
    assert study.ask().architecture.settings["dimensions"] == 1


def test_several_proposals_may_be_open_and_are_told_in_any_order():
    study = archwright.Study("nasbench201", "random", seed=2)
    first, second, third = (study.ask() for _ in range(3))
    assert study.open == [first, second, third]
    study.tell(third, 0.3)
    study.tell(first, 0.1)
    assert [candidate.number for candidate in study.history.finished] == [third.number, first.number]
    assert [candidate.number for candidate in study.history.pending] == [second.number]
    assert study.best.architecture == third.architecture


def test_a_failure_is_a_result_without_a_score():
    study = archwright.Study("nasbench201", "random", seed=2)
    study.tell(study.ask(), None)
    (failed,) = study.history.finished
    assert (failed.state, failed.scores, study.best) == ("failed", None, None)
    study.tell(study.ask(), float("nan"))
    assert study.history.finished[1].state == "failed"


@pytest.mark.parametrize("when", ["told before", "of another study"])
def test_what_is_not_open_cannot_be_told(when):
    study, other = (archwright.Study("nasbench201", "random", seed=seed) for seed in (1, 2))
    proposal = study.ask()
    if when == "told before":
        study.tell(proposal, 0.5)
    with pytest.raises(InputError, match=f"proposal {proposal.number} is not open"):
        (study if when == "told before" else other).tell(proposal, 0.6)


def test_a_score_that_is_no_number_is_an_error_and_the_proposal_stays_open():
    study = archwright.Study("nasbench201", "random")
    proposal = study.ask()
    with pytest.raises(InputError, match=r"the score of proposal 0 is '0\.9': tell a number"):
        study.tell(proposal, "0.9")
    study.tell(proposal, np.float32(0.5))
    assert study.best.score == 0.5


def test_a_strategy_with_nothing_new_waits_or_is_exhausted(monkeypatch):
    monkeypatch.setattr(strategy_run, "EXHAUSTED_AFTER", 20)
    study = archwright.Study("nasbench201", Same())
    proposal = study.ask()
    assert study.ask() is None
    assert not study.exhausted  # its only network may still come to something
    study.tell(proposal, 0.5)
    assert study.ask() is None
    assert study.exhausted
    assert {candidate.scores for candidate in study.history.finished} == {(0.5,)}


@pytest.mark.parametrize("storage", ["study.db", "sqlite:///study.db", "journal:study.log"])
def test_a_stored_study_is_continued_by_the_same_call(storage, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole = climb(archwright.Study("nasbench201", "local_search", seed=4), 12).history.finished
    for _ in range(3):
        with archwright.Study("nasbench201", "local_search", seed=4, storage=storage) as study:
            climb(study, 4)
            assert study.history.finished == whole[: len(study.history.finished)]
    with pytest.raises(RunFolderError, match="seed was 4 and is now 5"):
        archwright.Study("nasbench201", "local_search", seed=5, storage=storage)
    with pytest.raises(RunFolderError, match="strategy_settings was"):
        archwright.Study("nasbench201", LocalSearch(starts=7), seed=4, storage=storage)
    with archwright.Study("nasbench201", "random", storage=storage, name="other") as other:
        assert other.best is None


def leave_open(storage):
    study = archwright.Study("nasbench201", "random", seed=1, storage=storage)
    study.ask()
    study.ask()  # and the process ends without a word


@pytest.mark.parametrize("storage", ["study.db", "journal:study.log"])
def test_what_a_process_left_open_is_asked_again_by_the_next(storage, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    process = multiprocessing.get_context("spawn").Process(target=leave_open, args=(storage,))
    process.start()
    process.join()
    with archwright.Study("nasbench201", "random", seed=1, storage=storage) as study:
        proposals = [study.ask() for _ in range(3)]
    fresh = archwright.Study("nasbench201", "random", seed=1)
    assert proposals == [fresh.ask() for _ in range(3)]


def test_two_processes_share_a_journal(tmp_path):
    storage = f"journal:{tmp_path / 'log'}"
    with (
        archwright.Study("nasbench201", "random", seed=1, storage=storage) as ours,
        archwright.Study("nasbench201", "random", seed=1, storage=storage) as theirs,
    ):
        mine, yours = ours.ask(), theirs.ask()
        assert (mine.number, yours.number) == (0, 1)
        theirs.tell(yours, 0.5)
        ours.tell(mine, 0.25)
        assert ours.best.score == 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nasbench201", "darts"), "'darts' trains a supernet"),
        (("nasbench201", "asha"), "give the epochs of a full one, as epochs=27"),
        (("nasbench201", "simulated_annealing"), "there is no strategy 'simulated_annealing'"),
        (("nasbench301", "random"), "there is no space 'nasbench301'"),
        (("nasbench201", 7), "strategy is 7: give a name"),
    ],
)
def test_what_cannot_be_studied_is_an_error(arguments, message):
    with pytest.raises(InputError, match=message):
        archwright.Study(*arguments)
