"""What spaces for series and images derive from the data: the dimensions, and how often the resolution is halved."""

from __future__ import annotations

from typing import Literal

from archwright.data.problem import Problem
from archwright.errors import InputError
from archwright.network.reduction_count import MOST_HALVINGS, usual_halvings


def fit_reductions(
    space: str, problem: Problem, dimensions: int | None, reductions: int | None, most: int = MOST_HALVINGS
) -> tuple[Literal[1, 2], int]:
    """The dimensions of the inputs, and the `reductions`; if unset, the usual number, but at most `most`.

    `space`: its name, for errors. Raises InputError if the data are not series or images, if their dimensions differ from the given
    `dimensions`, or if they are too small for the reductions.
    """
    if problem.dimensions not in (1, 2):
        raise InputError(
            f"space {space!r} takes series (C, L) or images (C, H, W), not inputs of shape {problem.input_shape}: use space 'chain'"
        )
    if dimensions not in (None, problem.dimensions):
        raise InputError(f"space {space!r} was made for {dimensions}-D inputs, but these have shape {problem.input_shape}")
    side = min(problem.input_shape[1:])
    chosen = min(usual_halvings(side), most) if reductions is None else reductions
    if side < 2**chosen:
        raise InputError(f"space {space!r}: {chosen} reductions are too many for inputs of shape {problem.input_shape}: set fewer")
    return (1 if problem.dimensions == 1 else 2), chosen
