"""What spaces of series and images fill in from the data: the dimensions, and how often sizes are halved."""

from __future__ import annotations

from typing import Literal

from archwright.data.problem import Problem
from archwright.errors import InputError
from archwright.network.reductions import MOST_HALVINGS, usual_halvings


def fit_reductions(
    space: str, problem: Problem, dimensions: int | None, reductions: int | None, most: int = MOST_HALVINGS
) -> tuple[Literal[1, 2], int]:
    """The dimensions of the inputs, and the `reductions`, or where these are unset the usual ones, but no more than `most`.

    `space`: its name, for errors. Raises InputError for other data than series and images, for those of other `dimensions` than the
    space was made for, and where the reductions leave nothing.
    """
    if problem.dimensions not in (1, 2):
        raise InputError(
            f"space {space!r} takes series (C, L) or images (C, H, W), not inputs of shape {problem.input_shape}: use space 'chain'"
        )
    if dimensions not in (None, problem.dimensions):
        raise InputError(f"space {space!r} was made for {dimensions}-D inputs, these have shape {problem.input_shape}")
    side = min(problem.input_shape[1:])
    settled = min(usual_halvings(side), most) if reductions is None else reductions
    if side < 2**settled:
        raise InputError(f"space {space!r}: {settled} reductions leave nothing of inputs of shape {problem.input_shape}: set fewer")
    return (1 if problem.dimensions == 1 else 2), settled
