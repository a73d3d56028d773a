"""How the architectures of a space grow from small to large, for progressive search (Liu et al. 2018, arXiv:1712.00559)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

from archwright.architecture.architecture import Architecture
from archwright.architecture.question import Option
from archwright.architecture.variation import enumerate_answers, keep_or_sample
from archwright.settings import settings_of

if TYPE_CHECKING:
    from archwright.search_space.search_space import SearchSpace

FixedAnswers = Callable[[int, Architecture | None], Sequence[Mapping[str, Option]]]


@dataclass(frozen=True)
class GrowthOrder:
    """Level 1 holds the smallest architectures; each architecture of a later level extends one of the previous level.

    `space` holds the architectures of all `levels`; it may be larger than the space whose order this is. `fixed_answers`: for each
    way in which a parent (None at level 1) can grow to a level, the answers that are then fixed; all others are open.
    """

    space: SearchSpace
    levels: int
    fixed_answers: FixedAnswers

    def extensions(self, level: int, parent: Architecture | None, most: int, rng: Random) -> Iterator[Architecture]:
        """The extensions of the parent at `level`; a way to grow with more than its share of `most` is sampled at random."""
        ways = self.fixed_answers(level, parent)
        share = max(1, most // max(1, len(ways)))
        for fixed_answers in ways:
            answers = list(islice(enumerate_answers(self.space.decide, fixed_answers), share + 1))
            if len(answers) > share:
                answers = [keep_or_sample(self.space.decide, fixed_answers, rng) for _ in range(share)]
            settings = settings_of(self.space)
            yield from (Architecture(self.space.reference, settings, one) for one in answers)
