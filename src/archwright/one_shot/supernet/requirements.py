"""Whether a one-shot method can search a space on the given data: checked before anything is written or trained."""

from __future__ import annotations

from typing import Any

import torch

from archwright.data.problem import Problem
from archwright.errors import InputError
from archwright.one_shot.gradient_based.regularization import connection_mask
from archwright.one_shot.method import OneShotMethod, learns_by_gradient
from archwright.search_space import SearchSpace


def check_supernet(method: OneShotMethod, space: SearchSpace, problem: Problem) -> None:
    """Builds the method's supernet on the meta device, without memory. Raises InputError, with the remedy, if it cannot."""
    with torch.device("meta"):
        make_supernet(method, space.for_problem(problem), problem)


def make_supernet(method: OneShotMethod, space: SearchSpace, problem: Problem) -> Any:
    """The supernet of a space for the method, initialised from PyTorch's global generator.

    An nn.Module and a `Supernet`. Raises InputError if the space has none, or if a setting of the method does not suit it.
    """
    inputs = getattr(space, "inputs", "distinct")
    if learns_by_gradient(method) and inputs != "distinct":
        raise InputError(
            f"a gradient-based search keeps distinct edges into a node, the strongest: set space.inputs=distinct, not {inputs!r}"
        )
    supernet = space.supernet(problem, partial_channels=method.partial_channels, auxiliary_skip=method.auxiliary_skip)
    if learns_by_gradient(method) and method.l1:
        connection_mask(supernet.mixture)
    return supernet
