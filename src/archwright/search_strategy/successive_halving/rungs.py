"""The ladder that successive halving climbs: its rungs, who stands on them, and who of these is trained on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from archwright.errors import InputError
from archwright.evaluate.history import Candidate, History, Proposal
from archwright.evaluate.pareto import fitness

USUAL_RUNGS = 3
"""Rungs where the least epochs are not given, if the lowest still is a whole epoch."""


def full_epochs(history: History, name: str) -> float:
    """The epochs of a full training, R in the papers. Raises InputError where the history has but one fidelity."""
    if history.epochs is None:
        raise InputError(
            f"strategy {name!r} trains networks part of the way and some of them on, and here each has one result: "
            "take it with archwright search, or give another strategy"
        )
    return history.epochs


def rungs(epochs: float, eta: int, least: float | None, name: str) -> tuple[float, ...]:
    """The epochs after which networks are judged, rising: R / eta^k for k = K, ..., 1, 0, whole ones below R.

    `epochs`: R. `least`: the lowest rung has at least as many, and at least one; left None, K is at most 2.
    Differs: the papers count r * eta^k from the bottom; from the top, the highest rung is what every other strategy's networks get.
    Raises InputError where `least` is more than R.
    """
    if least is not None and least > epochs:
        raise InputError(f"strategy {name!r}, setting 'least_epochs': {least:g} is more than the {epochs:g} of a full training")
    lowest, ladder = max(1.0, least or 0.0), [epochs]
    while (below := epochs / math.pow(eta, len(ladder))) >= lowest and (least is not None or len(ladder) < USUAL_RUNGS):
        ladder.append(float(round(below)))
    return tuple(reversed(ladder))


def epochs_each(ladder: Sequence[float], eta: int) -> float:
    """The epochs that a new network costs on average, with the parts of those that are trained on."""
    return ladder[0] + sum((above - below) / math.pow(eta, k) for k, (below, above) in enumerate(pairwise(ladder), start=1))


def beginnings(history: History) -> dict[int, Candidate]:
    """For each candidate's number the candidate that its training began as."""
    began: dict[int, Candidate] = {}
    for candidate in history.candidates:
        began[candidate.number] = candidate if candidate.continues is None else began[candidate.continues]
    return began


def promotion(history: History, climbers: Sequence[Candidate], ladder: Sequence[float], eta: int) -> Proposal | None:
    """The training to go on with, from the highest rung that has one; None where a new network is due.

    Li et al. 2020, arXiv:1810.05934, Algorithm 2, `get_job`. `climbers`: the candidates on this ladder. A network is promotable if
    it is among the best 1 / eta of those that have finished on its rung, and was not promoted.
    Differs: a failed training counts as one that finished, worse than all others; a duplicate stands on no rung.
    """
    promoted = {candidate.continues for candidate in history.candidates}
    for rung, above in reversed(list(pairwise(ladder))):
        standing = [candidate for candidate in climbers if candidate.epochs == rung and candidate.state in ("complete", "failed")]
        fitnesses = fitness(standing)
        order = sorted(range(len(standing)), key=fitnesses.__getitem__, reverse=True)
        for candidate in (standing[i] for i in order[: len(standing) // eta]):
            if candidate.scores and candidate.number not in promoted:
                return Proposal(candidate.architecture, parent=candidate.parent, continues=candidate.number, epochs=above)
    return None
