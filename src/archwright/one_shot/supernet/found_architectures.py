"""What a search has found: its conclusion, the other architectures it has scored, and which of them are derived candidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from archwright.architecture.architecture import Architecture
from archwright.data.problem import as_score
from archwright.evaluate.history import key_of

if TYPE_CHECKING:
    from archwright.one_shot.supernet.search_context import SearchContext

RESCORED = 20
"""How many snapshots are scored again after the training, at most."""


@dataclass(frozen=True)
class FoundArchitecture:
    """An architecture that a search has found, its shared-weight score, and the epoch when it was found."""

    architecture: Architecture
    score: float
    epoch: float

    def to_json(self, metric: str) -> dict[str, Any]:
        """`score` is the metric itself, in its own direction."""
        return {"architecture": self.architecture.to_json(), "score": as_score(metric, self.score), "epoch": self.epoch}


@dataclass(frozen=True)
class Conclusion:
    """The result of a search: the architecture it concludes with, the `others` it has found, and notes for the user.

    `supernet_score`: of the trained mixture, None if no mixture was trained. `method`: the name of the discretization or search.
    """

    architecture: Architecture
    method: str
    supernet_score: float | None
    others: Sequence[FoundArchitecture]
    notes: Sequence[str]

    def to_json(self, score: float) -> dict[str, Any]:
        """For the report. score: that of the architecture with the shared weights, as a metric."""
        return {
            "method": self.method,
            "supernet_score": self.supernet_score,
            "discretized_score": score,
            "architecture": self.architecture.to_json(),
        }


def ranked(
    context: SearchContext, conclusion: Conclusion, snapshots: Sequence[tuple[Architecture, float]], epochs: float
) -> list[FoundArchitecture]:
    """All architectures found, each network once, the best first: the conclusion, its others, and the latest snapshots.

    Snapshots are scored again, since scores with the shared weights of an earlier epoch are not comparable.
    """
    first = conclusion.architecture
    found = {key_of(context.space, first): FoundArchitecture(first, context.score_of(first), epochs)}
    for other in conclusion.others:
        found.setdefault(key_of(context.space, other.architecture), FoundArchitecture(other.architecture, other.score, epochs))
    for architecture, epoch in snapshots[:RESCORED]:
        key = key_of(context.space, architecture)
        if key not in found:
            found[key] = FoundArchitecture(architecture, context.score_of(architecture), epoch)
    return sorted(found.values(), key=lambda one: -one.score)


def derived_candidates(found: Sequence[FoundArchitecture], conclusion: Architecture, count: int) -> list[FoundArchitecture]:
    """The best `count`; the architecture that the search concludes with is always among them."""
    best = list(found[:count])
    if all(one.architecture != conclusion for one in best):
        best[-1] = next(one for one in found if one.architecture == conclusion)
    return best
