"""Whether a one-shot method can search a space on the given data: checked before anything is written or trained."""

from __future__ import annotations

import torch

from archwright.data.problem import Problem
from archwright.one_shot.method import OneShotMethod
from archwright.search_space import SearchSpace


def check_supernet(method: OneShotMethod, space: SearchSpace, problem: Problem) -> None:
    """Builds the method's supernet on the meta device, without memory. Raises InputError, with the remedy, if it cannot."""
    with torch.device("meta"):
        method.supernet(space.for_problem(problem), problem)
