"""Random search: the baseline that every other strategy has to beat."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import ClassVar

from archwright.evaluate.history import History, Proposal
from archwright.search_space import SearchSpace


@dataclass(frozen=True)
class RandomSearch:
    """Random search: each question is answered uniformly at random (Li & Talwalkar 2020, arXiv:1902.07638)."""

    paper: ClassVar[str] = "li2020random"

    def propose(self, space: SearchSpace, history: History, rng: Random) -> Proposal:
        return Proposal(space.sample(rng))
