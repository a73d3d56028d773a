"""Local search: hill climbing with random restarts."""

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
    """Local search: hill climbing to the first better neighbour (White, Nolen & Savani 2021, arXiv:2005.02960, Algorithm 1).

    The first climb starts from the best of `starts` random architectures; if unset, a quarter of the trials, between 1 and 10.
    At a local optimum a new climb starts, from one random architecture. Each proposal's note holds the number of its climb.
    Differs: neighbours that are already known cost nothing, so a climb moves to the best of the better ones at once. With several
    objectives the climb is a Pareto local search (Paquete et al. 2004): the neighbours of every network on its front are visited.
    """

    starts: int | None = None

    paper: ClassVar[str] = "white2021"

    def __post_init__(self) -> None:
        if self.starts is not None and self.starts < 1:
            raise UnknownSetting(f"strategy 'local_search', setting 'starts': {self.starts} is too small: give at least 1")

    def for_budget(self, trials: int | None) -> Self:
        if self.starts is not None or trials is None:
            return self
        return replace(self, starts=min(USUAL_STARTS, max(1, trials // 4)))

    def propose(self, space: SearchSpace, history: History, rng: Random) -> Proposal:
        climb = max((_climb_number(candidate) for candidate in history.candidates), default=0)
        members = [candidate for candidate in history.candidates if _climb_number(candidate) == climb]
        starts = (self.starts or USUAL_STARTS) if climb == 0 else 1
        if sum(member.parent is None for member in members) < starts:
            return _start(space, climb, rng)
        known = {candidate.key: candidate for candidate in history.complete}
        pending = {candidate.key for candidate in history.pending}
        incumbents, waiting = _incumbents(members), False
        for incumbent in incumbents:
            optimum, neighbours = _move_to_best_known(space, incumbent, known)
            unknown = [architecture for key, architecture in neighbours.items() if key not in history.keys]
            if unknown:
                return Proposal(rng.choice(unknown), parent=optimum.number, note={"climb": climb})
            waiting = waiting or not pending.isdisjoint(neighbours)
        at_local_optimum = incumbents and not waiting  # otherwise a free worker adds a start to the climb in progress
        return _start(space, climb + 1 if at_local_optimum else climb, rng)


def _climb_number(candidate: Candidate) -> int:
    return int(candidate.note.get("climb", 0))


def _start(space: SearchSpace, climb: int, rng: Random) -> Proposal:
    return Proposal(space.sample(rng), note={"climb": climb})


def _incumbents(members: list[Candidate]) -> list[Candidate]:
    """Where the climb stands: its best network (the earliest of equals), or its Pareto front, the least crowded first."""
    scored = [member for member in members if member.scores]
    if all(len(member.scores or ()) == 1 for member in scored):
        return [max(scored, key=lambda member: member.score)] if scored else []
    front = pareto_front(scored)
    fitnesses = fitness(front)
    return [front[i] for i in sorted(range(len(front)), key=fitnesses.__getitem__, reverse=True)]


def _move_to_best_known(
    space: SearchSpace, incumbent: Candidate, known: Mapping[str, Candidate]
) -> tuple[Candidate, dict[str, Architecture]]:
    """The network that known better neighbours lead to from `centre`, and all of its neighbours by key."""
    while True:
        neighbours = {key_of(space, architecture): architecture for architecture in space.neighbours(incumbent.architecture)}
        better = [known[key] for key in neighbours if key in known and dominates(known[key].scores or (), incumbent.scores or ())]
        if not better:
            return incumbent, neighbours
        incumbent = max(better, key=lambda candidate: candidate.scores or ())
