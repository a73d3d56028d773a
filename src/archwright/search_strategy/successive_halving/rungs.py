"""The rungs of successive halving, and which network on them is promoted next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from archwright.errors import InputError
from archwright.evaluate.history import Candidate, History, Proposal
from archwright.evaluate.pareto import fitness

USUAL_RUNGS = 3
"""Number of rungs where `least_epochs` is unset; fewer if the lowest would have less than one epoch."""


def full_epochs(history: History, name: str) -> float:
    """The epochs of a full training, R in the papers. Raises InputError if the history has only one fidelity."""
    if history.epochs is None:
        raise InputError(
            f"strategy {name!r} trains most networks only in part, but here each network has a single result: "
            "use it with archwright search, or give another strategy"
        )
    return history.epochs


def rungs(epochs: float, eta: int, least: float | None, name: str) -> tuple[float, ...]:
    """The epochs of each rung, ascending: R / eta^k for k = K, ..., 1, 0, rounded to whole epochs below R.

    `epochs`: R. `least`: the least epochs of the lowest rung, never below one; if None, K is at most 2.
    Differs: the papers count r * eta^k from the bottom. Counted from the top, the highest rung is a full training, as in all other
    strategies. Raises InputError if `least` is more than R.
    """
    if least is not None and least > epochs:
        raise InputError(
            f"strategy {name!r}, setting 'least_epochs': {least:g} is more than the {epochs:g} of a full training: give fewer"
        )
    lowest, ladder = max(1.0, least or 0.0), [epochs]
    while (below := epochs / math.pow(eta, len(ladder))) >= lowest and (least is not None or len(ladder) < USUAL_RUNGS):
        ladder.append(float(round(below)))
    return tuple(reversed(ladder))


def mean_epochs_per_network(ladder: Sequence[float], eta: int) -> float:
    """The epochs that a new network costs on average, including the promotions."""
    return ladder[0] + sum((above - below) / math.pow(eta, k) for k, (below, above) in enumerate(pairwise(ladder), start=1))


def first_trainings(history: History) -> dict[int, Candidate]:
    """For each candidate's number, the candidate that started its training on the lowest rung."""
    began: dict[int, Candidate] = {}
    for candidate in history.candidates:
        began[candidate.number] = candidate if candidate.continues is None else began[candidate.continues]
    return began


def promotion(history: History, candidates: Sequence[Candidate], ladder: Sequence[float], eta: int) -> Proposal | None:
    """The promotion to make, from the highest rung with a promotable network; None if a new network should start instead.

    Li et al. 2020, arXiv:1810.05934, Algorithm 2, `get_job`. `candidates`: those of this bracket. A network is promotable if it is
    among the best 1 / eta of those that have finished on its rung, and has not been promoted.
    Differs: a failed training counts as finished, worse than all others; duplicates are on no rung.
    """
    promoted = {candidate.continues for candidate in history.candidates}
    for rung, above in reversed(list(pairwise(ladder))):
        on_rung = [candidate for candidate in candidates if candidate.epochs == rung and candidate.state in ("complete", "failed")]
        fitnesses = fitness(on_rung)
        order = sorted(range(len(on_rung)), key=fitnesses.__getitem__, reverse=True)
        for candidate in (on_rung[i] for i in order[: len(on_rung) // eta]):
            if candidate.scores and candidate.number not in promoted:
                return Proposal(candidate.architecture, parent=candidate.parent, continues=candidate.number, epochs=above)
    return None
