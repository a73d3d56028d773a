"""Alternating phases of weights and controller, and the derived candidates."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

import numpy as np
import pytest
import torch

from archwright.data.arrays import Arrays
from archwright.data.load import load_problem
from archwright.evaluate.history import key_of
from archwright.one_shot import make_one_shot
from archwright.one_shot.controllers.controller_search import Phases
from archwright.one_shot.supernet.supernet_setup import set_up


def state_of(module):
    return [parameter.detach().clone() for parameter in module.parameters()]


def same(first, second):
    return all(torch.equal(*pair) for pair in zip(first, second, strict=True))


def test_weights_and_controller_see_rows_of_their_own(stage_of, toy_data):
    stage = stage_of("enas")
    weights, rewards = set(stage.batches.among.tolist()), set(stage.context.alpha_batches.among.tolist())
    assert weights.isdisjoint(rewards)
    assert weights | rewards == set(range(len(toy_data.train)))
    assert len(weights) == round(0.9 * len(toy_data.train))


def test_a_reward_is_measured_on_images_as_they_are(toy, tmp_path):
    """Only the weights' batches are augmented."""
    draw = np.random.default_rng(0)
    data = load_problem(Arrays(draw.integers(0, 255, (80, 8, 8, 1), dtype=np.uint8), draw.integers(0, 3, 80)))
    asked = {"space": "nasbench201", "space_settings": {"repeats": 1, "filters": 2}, "method": "enas"}
    job = replace(toy.toy_job(tmp_path, "enas"), supernet=asked, recipe={"augmentation": "crop", "batch_size": 4})
    stage = set_up(job, data, torch.device("cpu"), job.epochs)
    known = stage.batches.rows.take(slice(None))[0].flatten(1)
    for batches, untouched in ((stage.batches, False), (stage.context.alpha_batches, True)):
        x = batches.batch(0)[0].flatten(1)
        assert (float(torch.cdist(x, known).min(dim=1).values.max()) < 0.1) == untouched


def test_the_phases_alternate(stage_of):
    """Three steps of the weights, two updates of the controller, and so on; neither changes the other's parameters."""
    stage = stage_of("enas", weight_steps=3, controller_steps=2, controller_samples=4)
    search, supernet, controller = stage.search, stage.context.supernet, stage.search.policy.controller
    moved = []
    for number in range(7):
        before = state_of(controller)
        search(*stage.batches.batch(number), 0.1)
        moved.append(not same(before, state_of(controller)))
    assert moved == [False, False, True, False, False, True, False]
    assert (search.step.number, search.controller_step.number) == (7, 4)
    weights = state_of(supernet)
    search.method.controller_step(search)
    assert same(weights, state_of(supernet))
    assert all(parameter.grad is None for parameter in supernet.parameters())


def test_each_reward_costs_one_path_and_each_step_as_many_as_it_averages(stage_of):
    stage = stage_of("enas", samples=3, controller_samples=5)
    stage.search.method.weight_step(stage.search, *stage.batches.batch(0))
    assert stage.context.supernet.computed == 3 * 4
    stage.search.method.controller_step(stage.search)
    assert stage.context.supernet.computed == (3 + 5) * 4


@pytest.mark.parametrize(
    ("settings", "steps", "per_epoch", "expected"),
    [
        ({}, 100_000, 400, Phases(400, 80)),
        ({}, 1000, 400, Phases(20, 4)),
        ({}, 30, 10, Phases(5, 1)),
        ({"weight_steps": 352, "controller_steps": 2000, "controller_samples": 1}, 1000, 352, Phases(352, 2000)),
        ({"weight_steps": 1}, 1000, 100, Phases(1, 1)),
    ],
)
def test_phases_follow_the_budget(settings, steps, per_epoch, expected):
    class SearchContext:
        pass

    context = SearchContext()
    context.steps, context.steps_per_epoch = steps, per_epoch
    phases = Phases.of(make_one_shot("enas", settings), context)
    assert phases == expected
    assert phases.updates(steps) == sum(expected.controller_steps for step in range(1, steps + 1) if phases.due(step))


def test_snapshots_count_once_the_controller_has_moved(stage_of):
    stage = stage_of("enas", weight_steps=2, controller_steps=1)
    assert not stage.search.end_epoch().counts
    assert "reward" not in stage.search.record()
    for number in range(2):
        stage.search(*stage.batches.batch(number), 0.1)
    assert stage.search.end_epoch().counts
    record = stage.search.record()
    monitored = {"learning_rate", "skip_share", "entropy", "spread"}
    assert set(record) == monitored | {"reward", "baseline", "controller_entropy"}
    assert 0 < record["reward"] < 1
    assert record["controller_entropy"] == pytest.approx(3 * math.log(4) + 2 * math.log(3), rel=1e-3)


def test_the_expected_gates_are_the_mean_of_what_is_drawn(stage_of):
    """At the beginning all answers are about equally probable; the edges of the last output compete."""
    search = stage_of("enas").search
    assert torch.allclose(search.expected[:3], torch.full((3, 4), 0.25), atol=0.2)
    assert search.expected[3:].sum() == pytest.approx(1.0)
    assert search.end_epoch().mixture_gates is None
    assert torch.equal(search.expected, search.mean_gates())


def test_the_best_on_one_batch_is_derived(stage_of):
    """Among the samples of the policy, by brute force: the largest reward on the batch after the last update."""
    stage = stage_of("enas", derive=12, derived_candidates=12, controller_samples=3)
    search, context = stage.search, stage.context
    search.method.controller_step(search)
    rng = search.step.random("derive")
    drawn = [search.policy.draw(rng)[0] for _ in range(12)]
    x, y = context.alpha_batches.batch(3)
    context.supernet.train()
    with torch.no_grad():
        errors = {key_of(context.space, one): float(context.loss(context.supernet(x, context.gates_of(one)), y)) for one in drawn}
    conclusion = search.conclude(0)
    assert key_of(context.space, conclusion.architecture) == min(errors, key=errors.get)
    assert {key_of(context.space, one.architecture) for one in conclusion.others} == set(errors) - {min(errors, key=errors.get)}
    assert all(one.score == context.score_of(one.architecture) for one in conclusion.others)
    assert conclusion.supernet_score is None
    again = search.conclude(0)
    assert (again.architecture, again.others) == (conclusion.architecture, conclusion.others)


def test_what_is_trained_is_what_the_policy_draws(stage_of):
    """A policy that always samples one architecture trains only that one."""
    stage = stage_of("enas", tanh_constant=50.0, weight_decay=0.0)
    search, best = stage.search, stage.context.space.sample(Random(5))
    with torch.no_grad():
        for name, answer in best.answers.items():
            search.policy.controller.head.bias[search.policy.controller._token(name, answer)[1]] = 50.0
    before = stage.context.supernet.scale.detach().clone()
    for number in range(5):
        search.method.weight_step(search, *stage.batches.batch(number))
    moved = stage.context.supernet.scale != before
    learnable = torch.tensor([name != "none" for name in stage.context.supernet.mixture.edges[0].candidates])
    assert torch.equal(moved, (stage.context.gates_of(best) > 0) & learnable)
    assert search.end_epoch().architecture == best
