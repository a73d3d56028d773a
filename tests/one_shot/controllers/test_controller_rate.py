"""Rates of long and short searches."""

from __future__ import annotations

import pytest

from archwright.one_shot.controllers.controller_rate import controller_rate
from archwright.one_shot.enas import ENAS


@pytest.mark.parametrize(("updates", "rate"), [(0, 5e-3), (100, 5e-3), (100_000, 1.05e-3), (300_000, 3.5e-4), (10**7, 3.5e-4)])
def test_a_short_search_learns_faster_than_the_papers_but_not_beyond_a_limit(updates, rate):
    assert controller_rate(ENAS(), updates) == pytest.approx(rate)


def test_a_rate_that_is_set_is_used():
    assert controller_rate(ENAS(controller_learning_rate=0.02), 10) == 0.02
