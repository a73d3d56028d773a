"""Exhaustive search: every architecture of the space, one after another."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import ClassVar

from archwright.architecture.variation import answers_after
from archwright.evaluate.history import Candidate, History, Proposal
from archwright.search_space import SearchSpace

PLACE = "place"
"""Where a proposal's note holds how many architectures come before it."""


@dataclass(frozen=True)
class Grid:
    """All architectures in the order of `enumerate`, each once, conditional questions too; for spaces that can be trained through.

    The next is found from the one before alone, so no space is too large to begin with; but a search that does not reach the
    end has seen the first answers of the first questions only. At the end it begins again: all is known then, and the study
    ends the search as exhausted.
    """

    paper: ClassVar[str] = (
        "Ying et al. 2019, NAS-Bench-101: towards reproducible neural architecture search, arXiv:1902.09635 (exhaustive evaluation)"
    )

    def propose(self, space: SearchSpace, history: History, rng: Random) -> Proposal:
        last = max(filter(_is_ours, history.candidates), key=lambda candidate: candidate.number, default=None)
        answers = answers_after(space.decide, last.architecture.answers) if last is not None else None
        if last is None or answers is None:
            return Proposal(next(space.enumerate()), note={PLACE: 0})
        return Proposal(space.architecture(answers), note={PLACE: last.note[PLACE] + 1})


def _is_ours(candidate: Candidate) -> bool:
    return PLACE in candidate.note
