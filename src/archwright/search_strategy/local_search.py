"""Local search: climb from neighbour to better neighbour, and begin again at the top."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import ClassVar, Self

from archwright.architecture.architecture import Architecture
from archwright.errors import UnknownSetting
from archwright.evaluate.history import Candidate, History, Proposal, key_of
from archwright.evaluate.pareto import dominates, fitness, pareto_front
from archwright.search_space import SearchSpace

USUAL_STARTS = 10


@dataclass(frozen=True)
class LocalSearch:
    """White, Nolen & Savani 2021, arXiv:2005.02960, Algorithm 1: hill climbing, moving to the first neighbour that is better.

    A climb begins from the best of `starts` random architectures; left unset, a quarter of the trials, between 1 and 10.
    After a local optimum a new climb begins, from one random architecture. Each proposal's note holds the number of its climb.
    Differs: neighbours that are known already cost nothing, so a climb moves to a better one of them at once. With several
    objectives the climb is a Pareto local search (Paquete et al. 2004): every network on its front has its neighbours visited.
    """

    starts: int | None = None

    paper: ClassVar[str] = (
        "White, Nolen & Savani 2021, Exploring the loss landscape in neural architecture search, arXiv:2005.02960"
    )

    def __post_init__(self) -> None:
        if self.starts is not None and self.starts < 1:
            raise UnknownSetting(f"strategy 'local_search', setting 'starts': {self.starts} is too small, give at least 1")

    def for_budget(self, trials: int | None) -> Self:
        if self.starts is not None or trials is None:
            return self
        return replace(self, starts=min(USUAL_STARTS, max(1, trials // 4)))

    def propose(self, space: SearchSpace, history: History, rng: Random) -> Proposal:
        climb = max((_climb(candidate) for candidate in history.candidates), default=0)
        members = [candidate for candidate in history.candidates if _climb(candidate) == climb]
        starts = (self.starts or USUAL_STARTS) if climb == 0 else 1
        if sum(member.parent is None for member in members) < starts:
            return _start(space, climb, rng)
        known = {candidate.key: candidate for candidate in history.complete}
        awaited = {candidate.key for candidate in history.pending}
        centres, waiting = _centres(members), False
        for centre in centres:
            top, neighbours = _ascend(space, centre, known)
            unknown = [architecture for key, architecture in neighbours.items() if key not in history.keys]
            if unknown:
                return Proposal(rng.choice(unknown), parent=top.number, note={"climb": climb})
            waiting = waiting or not awaited.isdisjoint(neighbours)
        at_the_top = centres and not waiting  # else a free worker adds a start to the climb that others are at
        return _start(space, climb + 1 if at_the_top else climb, rng)


def _climb(candidate: Candidate) -> int:
    return int(candidate.note.get("climb", 0))


def _start(space: SearchSpace, climb: int, rng: Random) -> Proposal:
    return Proposal(space.sample(rng), note={"climb": climb})


def _centres(members: list[Candidate]) -> list[Candidate]:
    """Where the climb stands: its best network, the first of equals; with several objectives its front, the least crowded first."""
    scored = [member for member in members if member.scores]
    if all(len(member.scores or ()) == 1 for member in scored):
        return [max(scored, key=lambda member: member.score)] if scored else []
    front = pareto_front(scored)
    fitnesses = fitness(front)
    return [front[i] for i in sorted(range(len(front)), key=fitnesses.__getitem__, reverse=True)]


def _ascend(space: SearchSpace, centre: Candidate, known: Mapping[str, Candidate]) -> tuple[Candidate, dict[str, Architecture]]:
    """The top that known neighbours lead to from `centre`, and all its neighbours by key."""
    while True:
        neighbours = {key_of(space, architecture): architecture for architecture in space.neighbours(centre.architecture)}
        better = [known[key] for key in neighbours if key in known and dominates(known[key].scores or (), centre.scores or ())]
        if not better:
            return centre, neighbours
        centre = max(better, key=lambda candidate: candidate.scores or ())
