"""What a step of a gradient search sees and moves."""

from __future__ import annotations

import pytest
import torch


@pytest.mark.parametrize("share", [0.5, 0.7])
def test_weights_and_alphas_see_rows_of_their_own(stage_of, share, toy_data):
    stage = stage_of(weight_share=share)
    weights, alphas = set(stage.batches.among.tolist()), set(stage.context.alpha_batches.among.tolist())
    assert weights.isdisjoint(alphas)
    assert weights | alphas == set(range(len(toy_data.train)))
    assert len(weights) == round(share * len(toy_data.train))


def state_of(parts):
    return [tensor.detach().clone() for part in parts for tensor in part.parameters()]


@pytest.mark.parametrize(("done", "moves"), [(0.2, False), (0.6, True)])
def test_alphas_move_only_after_the_warm_up(stage_of, done, moves):
    stage = stage_of(warmup=0.5)
    before = stage.search.alphas.alpha.detach().clone()
    weights = state_of([stage.context.supernet])
    stage.search(*stage.batches.batch(0), done)
    assert torch.equal(before, stage.search.alphas.alpha) != moves
    assert not all(torch.equal(a, b) for a, b in zip(weights, state_of([stage.context.supernet]), strict=True))
    assert stage.search.is_learning == moves


def test_no_gradient_is_left_behind(stage_of):
    stage = stage_of()
    stage.search(*stage.batches.batch(0), 0.5)
    parameters = [*stage.context.supernet.parameters(), *stage.search.alphas.parameters()]
    assert all(parameter.grad is None for parameter in parameters)


def test_the_auxiliary_skip_fades_with_the_search(stage_of):
    stage = stage_of(auxiliary_skip=True)
    weights = []
    for done in (0.1, 0.9):
        stage.search(*stage.batches.batch(0), done)
        weights.append(stage.context.supernet.auxiliary_skip)
    assert weights == pytest.approx([0.9, 0.1])
    score = stage.context.score_of(stage.search.end_epoch().architecture)
    stage.context.supernet.auxiliary_skip = 0.0
    assert stage.context.score_of(stage.search.end_epoch().architecture) == score


def test_a_record_says_how_the_search_stands(stage_of):
    record = stage_of("gdas").search.record()
    assert set(record) == {"learning_rate", "temperature", "skip_share", "entropy", "spread"}
    assert record["entropy"] == pytest.approx(1.0, abs=1e-3)
    assert record["spread"] == pytest.approx(0.0, abs=0.01)
