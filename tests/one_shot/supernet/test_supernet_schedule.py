"""The schedule of a search is decided once."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from archwright.one_shot import make_one_shot
from archwright.one_shot.supernet.supernet_schedule import make_supernet_schedule
from archwright.one_shot.supernet.supernet_setup import set_up


def never():
    raise AssertionError("nothing was to be measured")


@pytest.mark.parametrize(("epochs", "evaluations"), [(0.5, 20), (10.0, 200), (1000.0, 1000)])
def test_without_a_time_goal_nothing_is_measured(epochs, evaluations, toy, tmp_path):
    job = toy.toy_job(tmp_path, "single_path_uniform", epochs=epochs)
    schedule = make_supernet_schedule(job, make_one_shot("single_path_uniform"), never)
    assert (schedule.epochs, schedule.evaluations, schedule.seconds_per_epoch) == (epochs, evaluations, None)


def test_evaluations_that_are_set_are_used(toy, tmp_path):
    job = toy.toy_job(tmp_path, "random_weight_sharing")
    assert make_supernet_schedule(job, make_one_shot("random_weight_sharing", {"evaluations": 7}), never).evaluations == 7


def test_a_schedule_is_kept(toy, tmp_path):
    job = toy.toy_job(tmp_path, "darts", epochs=3.0)
    first = make_supernet_schedule(job, make_one_shot("darts"), never)
    again = make_supernet_schedule(replace(job, epochs=9.0, time_goal=1.0), make_one_shot("darts"), never)
    assert again == first
    assert json.loads((tmp_path / "plan.json").read_text())["epochs"] == 3.0


@pytest.mark.parametrize("method", ["darts", "single_path_uniform"])
def test_measuring_draws_nothing_and_more_time_gives_more_epochs(method, toy, toy_data, tmp_path):
    cpu, before, plans = torch.device("cpu"), torch.get_rng_state(), []
    for goal in (2.0, 40.0):
        folder = tmp_path / str(goal)
        folder.mkdir()
        job = replace(toy.toy_job(folder, method, epochs=1e6), time_goal=goal)
        plans.append(make_supernet_schedule(job, make_one_shot(method), lambda job=job: set_up(job, toy_data, cpu, job.epochs)))
    assert torch.equal(torch.get_rng_state(), before)
    assert plans[1].epochs > 2 * plans[0].epochs > 0
