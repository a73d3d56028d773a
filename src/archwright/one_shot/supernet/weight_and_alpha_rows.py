"""Which training rows are for the weights and which for the alphas. The validation split is for neither: it only judges."""

from __future__ import annotations

import numpy as np

from archwright.data.raw_data import Array
from archwright.errors import InputError

LEAST = 2


def weight_and_alpha_rows(count: int, weight_share: float, seed: int | None) -> tuple[Array, Array]:
    """Disjoint indices of all `count` training rows in random order: the weights' share, and the rest for the alphas.

    Without a seed they stay in their own order, as the windows of a text must.

    Raises InputError where either part would have fewer than two rows, which BatchNorm needs.
    """
    order = np.arange(count) if seed is None else np.random.default_rng([seed, count]).permutation(count)
    first = round(weight_share * count)
    if min(first, count - first) < LEAST:
        raise InputError(f"{count} training rows cannot be divided into shares of {weight_share:g} and the rest: take more data")
    return order[:first], order[first:]
