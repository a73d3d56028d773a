from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
import torch

from archwright.evaluate.history import Candidate, History
from archwright.search_space import make_space
from archwright.search_strategy.reinforce import Reinforce, results_of, rewards_of
from archwright.search_strategy.replay.replayed_controller import ReplayedController


def candidate(space, number, scores, state="complete", seen=0, **note):
    architecture = space.sample(Random(number))
    return Candidate(number, architecture, f"k{number}", state, scores, note={"log_prob": -1.0, **note}, seen=seen)


@pytest.mark.parametrize("algorithm", ["reinforce", "ppo"])
def test_the_controller_learns_which_architecture_is_best(algorithm, toy):
    """The planted best of 64 has a probability above 0.9 within 60 updates."""
    space = replace(toy.spaces["flat"], layers=3)
    planted = space.architecture({f"{i}/op": True for i in range(3)})
    strategy = Reinforce(algorithm, batch=10, hidden=16, learning_rate=0.03)
    replayed, results = ReplayedController(space, strategy, 10), []
    for number in range(600):
        sampled = replayed.sample(space.decide, Random(number))
        score = sum(answer is True for answer in sampled.answers.values()) / 3
        architecture = space.architecture(sampled.answers)
        results.append(Candidate(number, architecture, "", "complete", (score,), note={"log_prob": float(sampled.log_prob)}))
        replayed.catch_up(results)
    with torch.no_grad():
        assert float(replayed.controller.log_prob([planted.answers])[0].exp()) > 0.9


def test_the_note_holds_the_log_probability(toy):
    space = toy.spaces["conditional"]
    proposal = Reinforce(hidden=8).propose(space, History(toy.accuracy), Random(0))
    controller = ReplayedController(space, Reinforce(hidden=8), 20).controller
    assert proposal.note["log_prob"] == pytest.approx(
        float(controller.log_prob([proposal.architecture.answers])[0].detach()), abs=1e-5
    )


def test_only_full_batches_are_learned_from(toy):
    space, strategy = toy.spaces["flat"], Reinforce(batch=4, hidden=8)
    results = [candidate(space, number, (number / 10,)) for number in range(9)]
    proposals = [strategy.propose(space, History(toy.accuracy, results[:n]), Random(0)).note["log_prob"] for n in range(10)]
    assert proposals[0] == proposals[3] != proposals[4] == proposals[7] != proposals[8] == proposals[9]


def test_a_history_that_changed_is_replayed_from_the_start(toy):
    space, strategy = toy.spaces["flat"], Reinforce(batch=2, hidden=8)
    results = [candidate(space, number, (number / 10,)) for number in range(6)]
    strategy.propose(space, History(toy.accuracy, results), Random(0))
    other = [replace(results[0], scores=(0.9,)), *results[1:4]]
    again = strategy.propose(space, History(toy.accuracy, other), Random(0))
    assert again == Reinforce(batch=2, hidden=8).propose(space, History(toy.accuracy, other), Random(0))


def test_results_count_in_the_order_in_which_they_came(toy):
    space = toy.spaces["flat"]
    finished = [
        candidate(space, 0, None, "failed"),  # before the first score: left out
        candidate(space, 3, (0.5,)),
        replace(candidate(space, 9, (0.9,)), note={}),  # not sampled by a controller
        candidate(space, 1, (0.5,), "duplicate"),
        candidate(space, 2, None, "failed"),
    ]
    refused = [candidate(space, 4, None, "refused", seen=2), candidate(space, 5, None, "refused", seen=0)]
    history = History(toy.accuracy, finished, refused=refused)
    assert [one.number for one in results_of(history)] == [3, 4, 1, 2]


def test_what_failed_gets_the_worst_reward_before_it(toy):
    space = toy.spaces["flat"]
    scores = [(0.5,), None, (0.2,), None, (0.9,), None]
    results = [candidate(space, number, row, "complete" if row else "failed") for number, row in enumerate(scores)]
    assert rewards_of(results, 10) == [0.5, 0.5, 0.2, 0.2, 0.9, 0.2]
    assert rewards_of(results, 2) == [0.9, 0.2]


def test_with_two_objectives_the_reward_is_the_share_that_is_worse(toy):
    space = toy.spaces["flat"]
    scores = [(0.5, -5.0), (0.4, -6.0), None, (0.9, -9.0)]
    results = [candidate(space, number, row, "complete" if row else "failed") for number, row in enumerate(scores)]
    assert rewards_of(results, 10) == [0.5, 0.25, 0.0, 0.5]  # the ends of the front are equal


@pytest.mark.parametrize(("trials", "batch"), [(None, None), (10, 2), (50, 2), (300, 7), (10_000, 20)])
def test_an_unset_batch_follows_the_trials(trials, batch):
    assert Reinforce().for_budget(trials).batch == batch
    assert Reinforce(batch=3).for_budget(trials).batch == 3


def test_a_proposal_after_300_results_takes_little_time(toy):
    import time

    space = make_space("nasbench201")
    results = [candidate(space, number, (number % 7 / 7,)) for number in range(300)]
    strategy = Reinforce().for_budget(300)
    begin = time.process_time()
    for count in range(0, 301, 5):
        strategy.propose(space, History(toy.accuracy, results[:count]), Random(count))
    assert (time.process_time() - begin) / 61 < 0.05 * 5  # five results each: about 8 ms; the margin is for a busy machine
