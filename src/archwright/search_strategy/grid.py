"""Exhaustive search: every architecture of the space, one after another."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import ClassVar

from archwright.architecture.variation import answers_after
from archwright.evaluate.history import Candidate, History, Proposal
from archwright.search_space import SearchSpace

PLACE = "place"
"""The key of a proposal's note that holds how many architectures precede it in the enumeration."""


@dataclass(frozen=True)
class Grid:
    """Exhaustive search: every architecture once, in the order of `enumerate`; for spaces small enough to be trained completely.

    NAS-Bench-101 was evaluated in this way (Ying et al. 2019, arXiv:1902.09635); Bergstra & Bengio 2012 compare grid and random
    search. Conditional questions are covered. The next architecture follows from the last one alone, so a space of any size can be
    started; but a search that ends early has seen only the first answers to the first questions. After the last architecture it
    starts over: all are known by then, and the study ends the search because the space is exhausted.
    """

    paper: ClassVar[tuple[str, ...]] = ("ying2019", "bergstra2012")

    def propose(self, space: SearchSpace, history: History, rng: Random) -> Proposal:
        last = max(filter(_is_ours, history.candidates), key=lambda candidate: candidate.number, default=None)
        answers = answers_after(space.decide, last.architecture.answers) if last is not None else None
        if last is None or answers is None:
            return Proposal(next(space.enumerate()), note={PLACE: 0})
        return Proposal(space.architecture(answers), note={PLACE: last.note[PLACE] + 1})


def _is_ours(candidate: Candidate) -> bool:
    return PLACE in candidate.note
