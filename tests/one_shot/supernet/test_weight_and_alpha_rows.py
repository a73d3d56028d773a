"""The split into rows for the weights and rows for the alphas."""

from __future__ import annotations

import pytest

from archwright.errors import InputError
from archwright.one_shot.supernet.weight_and_alpha_rows import weight_and_alpha_rows


@pytest.mark.parametrize(("count", "share"), [(100, 0.5), (101, 0.5), (37, 0.8), (4, 0.5)])
def test_every_row_is_for_one_of_the_two(count, share):
    weights, alphas = weight_and_alpha_rows(count, share, seed=3)
    assert sorted([*weights, *alphas]) == list(range(count))
    assert len(weights) == round(share * count)


def test_the_seed_determines_the_split():
    first, again, other = (weight_and_alpha_rows(50, 0.5, seed)[0].tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_too_few_rows_are_refused():
    with pytest.raises(InputError, match="3 training rows cannot be split"):
        weight_and_alpha_rows(3, 0.5, 0)


def test_without_a_seed_the_rows_stay_in_their_order():
    weights, alphas = weight_and_alpha_rows(10, 0.6, None)
    assert [*weights, *alphas] == list(range(10))
