"""Two processes, each with its part of every batch, find what a single one does."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from archwright.data.problem_folder import open_problem
from archwright.evaluate.job import Job
from archwright.one_shot.gradient_based.gradient_search import GradientSearch
from archwright.one_shot.supernet import supernet_training
from archwright.one_shot.supernet.averaged_gradients import averaged_gradients
from archwright.one_shot.supernet.supernet_training import train_supernet
from archwright.process_group import SINGLE_PROCESS
from archwright.train.checkpoint import load_checkpoint


class Two:
    """A process group as seen by the second of two processes, where the first contributed tensors of ones."""

    size, rank = 2, 1

    def average(self, tensors):
        for tensor in tensors:
            tensor.copy_((tensor + 1) / 2)


def test_what_the_loss_does_not_depend_on_has_no_gradient():
    used, unused = torch.tensor(2.0, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    gradients = averaged_gradients(Two())(3 * used, [used, unused])
    assert float(gradients[0]) == 2.0
    assert gradients[1] is None


class Killed(BaseException):
    """Like `kill -9`: nobody catches it."""


def killed(process_group, job, data):
    """A search until the first step of its third epoch, when every process stops."""
    step = GradientSearch.__call__

    def stopping(self, x, y, done):
        if done > 2 / 3:
            raise Killed
        return step(self, x, y, done)

    GradientSearch.__call__ = stopping
    with contextlib.suppress(Killed):
        searched(process_group, job, data)


def searched(process_group, job, data):
    """The outcome of a search in this process, and what it has learned about the candidates."""
    stages, set_up = [], supernet_training.set_up

    def remember(*arguments):
        stages.append(set_up(*arguments))
        return stages[-1]

    Path(job.folder).mkdir(exist_ok=True)
    supernet_training.set_up = remember
    try:
        outcome = train_supernet(job, data, {})
    finally:
        supernet_training.set_up = set_up
    found = [entry["architecture"] for entry in outcome.found]
    scores = [entry["score"] for entry in outcome.found]
    supernet = {name: tensor.clone() for name, tensor in stages[-1].context.supernet.state_dict().items()}
    curve = [{**record, "seconds": 0.0} for record in outcome.curve]
    return {
        "found": found,
        "scores": scores,
        "learned": learned_by(stages[-1].search),
        "supernet": supernet,
        "curve": curve,
        "epochs": outcome.epochs,
    }


def learned_by(search):
    """Alphas, or the controller's weights."""
    if hasattr(search, "policy"):
        return [parameter.detach().clone() for parameter in search.policy.controller.parameters()]
    return [search.alphas.alpha.detach().clone()] if hasattr(search, "alphas") else []


def assert_equal(found, expected, tolerance=1e-4):
    assert found["found"] == expected["found"]
    assert found["scores"] == pytest.approx(expected["scores"], abs=tolerance)
    for theirs, own in zip(found["curve"], expected["curve"], strict=True):
        assert theirs == pytest.approx(own, rel=tolerance, abs=tolerance)
    torch.testing.assert_close(found["learned"], expected["learned"], rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(found["supernet"], expected["supernet"], rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("method", ["darts", "gdas", "darts_second_order", "single_path_uniform", "enas"])
def test_two_processes_find_what_one_does(method, toy, toy_data, tmp_path, in_two_processes):
    """In batches of 31, which do not divide evenly."""
    one = replace(toy.toy_job(tmp_path / "one", method, epochs=3.0, learning_rate=0.1), recipe={"batch_size": 31})
    two = replace(one, folder=str(tmp_path / "two"), devices=2)
    expected = searched(SINGLE_PROCESS, one, toy_data)
    first, second = in_two_processes(searched, two, toy_data)
    assert_equal(first, expected)
    assert_equal(second, first, 0.0)
    assert {path.name for path in (tmp_path / "two").iterdir()} == {path.name for path in (tmp_path / "one").iterdir()}
    weights = load_file(tmp_path / "two" / "supernet.safetensors")
    torch.testing.assert_close(weights, first["supernet"], rtol=0.0, atol=0.0)


REAL = {
    "cell": ("darts", {"filters": 4, "blocks": 2}),
    "nasbench201": ("enas", {"filters": 4, "repeats": 1}),
    "chain": (
        "darts",
        {"pooling": "stride", "connectivity": "residual", "activation": "relu", "width": 4, "most_blocks": 2, "stages": 2},
    ),
}


@pytest.mark.parametrize("space", REAL)
def test_real_supernets_too(space, few_digits, tmp_path, in_two_processes):
    """Fused operations, masked channels, rewards computed with batch statistics."""
    method, settings = REAL[space]
    asked = {"space": space, "space_settings": settings, "method": method, "method_settings": {}}
    job = Job("supernet", "supernet", str(few_digits), str(tmp_path / "one"), 2, 1.0, supernet=asked, recipe={"batch_size": 15})
    data = open_problem(few_digits)
    expected = searched(SINGLE_PROCESS, job, data)
    first, second = in_two_processes(searched, replace(job, folder=str(tmp_path / "two"), devices=2), data)
    assert_equal(first, expected)
    assert_equal(second, first, 0.0)


def test_an_interrupted_search_goes_on_in_both_processes(toy, toy_data, tmp_path, in_two_processes):
    whole = replace(toy.toy_job(tmp_path / "whole", "darts", epochs=3.0, learning_rate=0.1), devices=2)
    broken = replace(whole, folder=str(tmp_path / "broken"))
    expected = in_two_processes(searched, whole, toy_data)
    assert in_two_processes(killed, broken, toy_data) == [None, None]
    assert load_checkpoint(tmp_path / "broken" / "checkpoint.pt")["progress"]["step"] > 0
    for found, own in zip(in_two_processes(searched, broken, toy_data), expected, strict=True):
        assert_equal(found, own, 0.0)
    assert len(json.loads((tmp_path / "broken" / "one_shot.json").read_text())["epochs"]) == 3


@pytest.mark.parametrize("method", ["gdas", "enas"])
def test_time_is_measured_together(method, toy, toy_data, tmp_path, in_two_processes):
    job = replace(toy.toy_job(tmp_path / "timed", method, epochs=500.0), time_goal=1.5, devices=2)
    first, second = in_two_processes(searched, job, toy_data)
    assert 1 <= first["epochs"] < 500
    assert_equal(second, first, 0.0)
