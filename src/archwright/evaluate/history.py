"""Candidates and their history: all that a search strategy sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from archwright.architecture.architecture import Architecture, short_hash

if TYPE_CHECKING:
    from archwright.search_space import SearchSpace

State = Literal["running", "complete", "failed", "pruned", "duplicate", "refused"]
WORST = float("-inf")


def key_of(space: SearchSpace, architecture: Architecture) -> str:
    """The key under which equal networks of a space meet: candidates carry it, and strategies look their ideas up by it."""
    return short_hash(space.canonical(architecture))


@dataclass(frozen=True)
class Objective:
    """One number a search improves: `accuracy` upwards, `macs` downwards."""

    name: str
    maximize: bool

    def score(self, value: float) -> float:
        """The value, turned so that higher is better."""
        return value if self.maximize else -value


@dataclass(frozen=True)
class Proposal:
    """An architecture to try and, where the method needs them, its parent and a small note that is stored with it.

    `parent`: number of the candidate it was made from. `epochs`: its fidelity, the epochs of a full training after which it is
    judged (None: all of them). `continues`: number of the complete candidate with the same network whose training goes on to there.
    """

    architecture: Architecture
    parent: int | None = None
    continues: int | None = None
    epochs: float | None = None
    note: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """One proposal and what became of it.

    `number`: its number within its strategy. `key`: the same for equal networks (`key_of`). `scores`: one per objective,
    higher is better; None unless complete or duplicate of a complete one. `seen`: how many results its proposal had seen.
    `epochs`: its fidelity, where there are several. `continues`: number of the candidate whose training went on.
    """

    number: int
    architecture: Architecture
    key: str
    state: State
    scores: tuple[float, ...] | None = None
    parent: int | None = None
    epochs: float | None = None
    note: Mapping[str, Any] = field(default_factory=dict)
    seen: int = 0
    continues: int | None = None

    @property
    def fidelity(self) -> float:
        """Its epochs; 0 where nobody speaks of any."""
        return self.epochs or 0.0

    @property
    def score(self) -> float:
        """The first objective's score; worse than all where the candidate failed."""
        return self.scores[0] if self.scores else WORST


@dataclass(frozen=True)
class History:
    """Everything seen so far. `finished` in order of completion: complete, duplicate (with the known result) and failed ones.

    `epochs`: of a full training of the search, which is the highest fidelity; None where there is but one, as in a table.
    """

    objectives: tuple[Objective, ...]
    finished: Sequence[Candidate] = ()
    pending: Sequence[Candidate] = ()
    refused: Sequence[Candidate] = ()
    epochs: float | None = None

    @cached_property
    def keys(self) -> frozenset[str]:
        """The networks that are known or being trained."""
        return frozenset(c.key for group in (self.finished, self.pending, self.refused) for c in group)

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """All of them, in the order of their numbers."""
        return tuple(sorted((*self.finished, *self.pending, *self.refused), key=lambda candidate: candidate.number))

    @cached_property
    def complete(self) -> tuple[Candidate, ...]:
        """Those of the finished that have scores, each network once: the first to finish at its highest fidelity."""
        found: dict[str, Candidate] = {}
        for candidate in self.finished:
            if candidate.scores is not None and found.setdefault(candidate.key, candidate).fidelity < candidate.fidelity:
                found[candidate.key] = candidate
        return tuple(found.values())

    def best(self) -> Candidate | None:
        """The highest first score among those at the highest fidelity; the earliest of equals."""
        return max(self.complete, key=lambda candidate: (candidate.fidelity, candidate.score), default=None)
