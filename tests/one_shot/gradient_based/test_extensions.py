"""Each option adds its part to a search, and nothing else does."""

from __future__ import annotations

import torch


def test_without_options_nothing_is_added(stage_of):
    extensions = stage_of().search.extensions
    assert not extensions.penalties
    assert not extensions.before_step
    gates = torch.rand(6, 4)
    assert torch.equal(extensions.constrain(gates), gates)


def test_each_option_adds_its_part(stage_of):
    assert len(stage_of(entropy=0.1, l1=0.1).search.extensions.penalties) == 2
    assert len(stage_of(auxiliary_skip=True, discretization="progressive").search.extensions.before_step) == 2


def test_progressive_decisions_constrain_the_gates_of_later_steps(stage_of):
    stage = stage_of(discretization="progressive", warmup=0.5)
    decided = []
    for done in (0.4, 0.99):
        stage.search(*stage.batches.batch(0), done)
        decided.append(int((stage.search.gates("weights") == 1).sum()))
    assert decided == [0, 3]


def test_perturbation_scores_the_mixture_once_for_each_candidate(stage_of):
    stage = stage_of(discretization="perturbation")
    assert stage.search.workload().mixture_scores == 6 * 4
    assert stage_of().search.workload().mixture_scores == 1
