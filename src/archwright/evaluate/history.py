"""Candidates and their history: everything that a search strategy sees."""

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
    """A key that is the same for equal networks of a space, stored with candidates and used to look architectures up."""
    return short_hash(space.canonical(architecture))


@dataclass(frozen=True)
class Objective:
    """A quantity that a search maximizes, such as `accuracy`, or minimizes, such as `macs`."""

    name: str
    maximize: bool

    def score(self, value: float) -> float:
        """The value with its sign chosen so that higher is better."""
        return value if self.maximize else -value


@dataclass(frozen=True)
class Proposal:
    """An architecture to try and, if the strategy needs them, its parent and a small note that is stored with it.

    `parent`: number of the candidate it was derived from. `epochs`: its fidelity, the epochs of a full training after which it is
    scored (None: all). `continues`: number of the complete candidate with the same network whose training it continues.
    """

    architecture: Architecture
    parent: int | None = None
    continues: int | None = None
    epochs: float | None = None
    note: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """One proposal and its result.

    `number`: its number within its strategy. `key`: the same for equal networks (`key_of`). `scores`: one per objective,
    higher is better; None unless complete or a duplicate of a complete one. `seen`: the number of results known when it was
    proposed. `epochs`: its fidelity, if there are several. `continues`: number of the candidate whose training it continued.
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
        """Its epochs; 0 if there is only one fidelity."""
        return self.epochs or 0.0

    @property
    def score(self) -> float:
        """The score of the first objective; minus infinity if the candidate has none."""
        return self.scores[0] if self.scores else WORST


@dataclass(frozen=True)
class History:
    """All candidates so far. `finished`, in order of completion: complete, duplicate (with the known result) and failed ones.

    `epochs`: of a full training in the search, the highest fidelity; None if there is only one fidelity, as in a benchmark table.
    """

    objectives: tuple[Objective, ...]
    finished: Sequence[Candidate] = ()
    pending: Sequence[Candidate] = ()
    refused: Sequence[Candidate] = ()
    epochs: float | None = None

    @cached_property
    def keys(self) -> frozenset[str]:
        """The keys of all networks that are known or being trained."""
        return frozenset(c.key for group in (self.finished, self.pending, self.refused) for c in group)

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """All candidates, ordered by number."""
        return tuple(sorted((*self.finished, *self.pending, *self.refused), key=lambda candidate: candidate.number))

    @cached_property
    def complete(self) -> tuple[Candidate, ...]:
        """Finished candidates with scores, each network once: the first to finish at its highest fidelity."""
        found: dict[str, Candidate] = {}
        for candidate in self.finished:
            if candidate.scores is not None and found.setdefault(candidate.key, candidate).fidelity < candidate.fidelity:
                found[candidate.key] = candidate
        return tuple(found.values())

    def best(self) -> Candidate | None:
        """The candidate with the highest first score at the highest fidelity; ties go to the earliest."""
        return max(self.complete, key=lambda candidate: (candidate.fidelity, candidate.score), default=None)
