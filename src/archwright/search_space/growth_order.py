"""How the architectures of a space grow from small to large: what a progressive search goes through (Liu et al. 2018)."""

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

Settled = Callable[[int, Architecture | None], Sequence[Mapping[str, Option]]]


@dataclass(frozen=True)
class GrowthOrder:
    """Level 1 holds the smallest architectures; those of every other level extend one of the level before.

    `space` holds the architectures of all `levels`: it may be larger than the space that was asked for its order. `settled`: for
    each way in which a parent (None at level 1) grows to a level, the answers that are settled then; all others are open.
    """

    space: SearchSpace
    levels: int
    settled: Settled

    def extensions(self, level: int, parent: Architecture | None, most: int, rng: Random) -> Iterator[Architecture]:
        """What the parent grows to at `level`; where a way to grow has more than its share of `most`, so many at random."""
        ways = self.settled(level, parent)
        share = max(1, most // max(1, len(ways)))
        for settled in ways:
            answers = list(islice(enumerate_answers(self.space.decide, settled), share + 1))
            if len(answers) > share:
                answers = [keep_or_sample(self.space.decide, settled, rng) for _ in range(share)]
            settings = settings_of(self.space)
            yield from (Architecture(self.space.reference, settings, one) for one in answers)
