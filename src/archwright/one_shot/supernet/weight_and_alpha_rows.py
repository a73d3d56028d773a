"""Which training rows are for the weights and which for the alphas. The validation split is for neither: it only scores."""

from __future__ import annotations

import numpy as np

from archwright.data.raw_data import Array
from archwright.errors import InputError

LEAST = 2


def weight_and_alpha_rows(count: int, weight_share: float, seed: int | None) -> tuple[Array, Array]:
    """Splits the indices of `count` training rows at random: `weight_share` of them for the weights, the rest for the alphas.

    If `seed` is None, they keep their order, as the windows of a text must. Raises InputError if either part would have fewer than
    two rows, which BatchNorm needs.
    """
    order = np.arange(count) if seed is None else np.random.default_rng([seed, count]).permutation(count)
    first = round(weight_share * count)
    if min(first, count - first) < LEAST:
        raise InputError(f"{count} training rows cannot be split into a share of {weight_share:g} and the rest: use more data")
    return order[:first], order[first:]
