"""Whether a one-shot method can search a space on some data: asked before anything is written or trained."""

from __future__ import annotations

from typing import Any

import torch

from archwright.data.problem import Problem
from archwright.errors import InputError
from archwright.network.supernet import Supernet
from archwright.one_shot.method import OneShotMethod
from archwright.one_shot.regularization import connection_mask
from archwright.search_space import SearchSpace


def check_supernet(method: OneShotMethod, space: SearchSpace, problem: Problem) -> None:
    """Builds the supernet that the method asks for, without any memory. Raises InputError, with the mend, where there is none."""
    with torch.device("meta"):
        make_supernet(method, space.for_problem(problem), problem)


def make_supernet(method: OneShotMethod, space: SearchSpace, problem: Problem) -> Any:
    """The supernet of a space as the method asks for it, its weights drawn from PyTorch's global generator.

    Raises InputError where the space has none, the method cannot search it, or an option does not suit it.
    """
    learns = hasattr(method, "gates")
    inputs = getattr(space, "inputs", "distinct")
    if learns and inputs != "distinct":
        raise InputError(
            f"a gradient-based search keeps the strongest edges into a node, each once: set space.inputs=distinct, not {inputs!r}"
        )
    supernet: Supernet = space.supernet(problem, partial_channels=method.partial_channels, auxiliary_skip=method.auxiliary_skip)
    if learns and getattr(method, "l1", None):
        connection_mask(supernet.mixture)
    return supernet
