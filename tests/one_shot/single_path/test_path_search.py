"""Uniform paths."""

from __future__ import annotations

import torch

from archwright.one_shot.supernet.supernet_setup import set_up


def test_each_step_computes_one_path_and_all_rows_are_for_the_weights(toy, toy_data, tmp_path):
    job = toy.toy_job(tmp_path, "single_path_uniform")
    stage = set_up(job, toy_data, torch.device("cpu"), job.epochs)
    assert len(stage.batches.among) == len(toy_data.train)
    stage.search(*stage.batches.batch(0), 0.0)
    assert stage.context.supernet.computed == 4


def test_on_average_all_candidates_are_equal(toy, toy_data, tmp_path):
    job = toy.toy_job(tmp_path, "single_path_uniform")
    stage = set_up(job, toy_data, torch.device("cpu"), job.epochs)
    expected = stage.search.expected
    assert torch.allclose(expected[:3], torch.full((3, 4), 0.25), atol=0.1)
    assert torch.allclose(expected[3:, 1:], torch.full((3, 3), 1 / 9), atol=0.08)
    assert stage.search.end_epoch().mixture_gates is None
