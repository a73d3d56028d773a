"""The alphas' learning rate for searches of any length."""

from __future__ import annotations

import pytest

from archwright.one_shot import make_one_shot
from archwright.one_shot.gradient_based.alpha_rate import PUBLISHED_STEPS, alpha_rate


@pytest.mark.parametrize(("name", "published"), [("darts", 3e-4), ("gdas", 3e-4), ("pc_darts", 6e-4)])
def test_a_search_as_long_as_the_papers_has_their_rate(name, published):
    assert alpha_rate(make_one_shot(name), PUBLISHED_STEPS) == pytest.approx(published)
    assert alpha_rate(make_one_shot(name), 10 * PUBLISHED_STEPS) == pytest.approx(published)


def test_alphas_can_move_as_far_in_a_shorter_search():
    assert alpha_rate(make_one_shot("darts"), PUBLISHED_STEPS // 10) == pytest.approx(3e-3)


def test_the_rate_has_a_limit():
    assert alpha_rate(make_one_shot("darts"), 20) == 0.03


def test_a_rate_that_is_set_is_used():
    assert alpha_rate(make_one_shot("darts", {"alpha_learning_rate": 0.01}), 5) == 0.01
