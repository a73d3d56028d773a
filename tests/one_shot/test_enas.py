"""The paper's values, and the gain that the controller maximizes."""

from __future__ import annotations

import pytest
import torch

from archwright.errors import UnknownSetting
from archwright.one_shot import make_one_shot


def test_the_papers_figures_are_the_defaults():
    """Pham et al. 2018, sections 2.2, 3.1 and 3.2."""
    enas = make_one_shot("enas")
    assert (enas.hidden, enas.temperature, enas.tanh_constant) == (100, 5.0, 2.5)
    assert (enas.skip_probability, enas.skip_weight, enas.samples) == (0.4, 0.8, 1)
    assert (enas.weight_share, enas.derived_candidates) == (45_000 / 50_000, 1)
    assert 1e-4 <= enas.entropy <= 0.1


def test_gain_is_reward_plus_entropy_minus_the_penalty():
    enas = make_one_shot("enas", {"entropy": 0.1, "skip_weight": 0.5})
    reward, entropy, divergence = (torch.tensor(values) for values in ([0.5, 0.75], [2.0, 3.0], [0.0, 0.5]))
    assert enas.gain(reward, entropy, divergence).tolist() == pytest.approx([0.7, 0.8])


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"skip_probability": 0.0}, "out of range"),
        ({"temperature": 0.0}, "out of range"),
        ({"controller_steps": 0}, "out of range"),
        ({"derive": "ten"}, "'ten' is not a whole number"),
        ({"warmup": 0.5}, "has no setting 'warmup'"),
    ],
)
def test_a_wrong_setting_is_an_error_with_a_remedy(settings, told):
    with pytest.raises(UnknownSetting, match=told):
        make_one_shot("enas", settings)
