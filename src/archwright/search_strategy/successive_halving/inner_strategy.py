"""The strategy that another one goes around: it proposes the new networks, as if each were trained but once."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import accumulate
from random import Random

from archwright.errors import UnknownSetting
from archwright.evaluate.history import Candidate, History, Proposal
from archwright.search_space import SearchSpace
from archwright.search_strategy.strategy import MultiFidelityStrategy, Strategy, sized_for_budget


@lru_cache(maxsize=16)  # a strategy may keep what it has fitted, never the truth
def inner_strategy(name: str, networks: int | None, owner: str) -> Strategy:
    """The strategy `name`, its unset sizes chosen for so many new networks; `owner` names the strategy around it.

    Raises UnknownName, or UnknownSetting where it has several fidelities itself.
    """
    from archwright.search_strategy import make_strategy  # which looks strategies up in all modules of this folder

    strategy = make_strategy(name)
    if isinstance(strategy, MultiFidelityStrategy):
        raise UnknownSetting(f"strategy {owner!r}, setting 'around': {name!r} trains on by itself: give one that does not")
    return sized_for_budget(strategy, networks)


def new_network(strategy: Strategy, space: SearchSpace, history: History, rng: Random, epochs: float) -> Proposal:
    """What the strategy proposes where it is shown each network once, to be judged after `epochs`."""
    first = [candidate for candidate in history.candidates if candidate.continues is None]
    proposal = strategy.propose(space, as_shown(history), rng)
    parent = first[proposal.parent].number if proposal.parent is not None else None
    return replace(proposal, parent=parent, epochs=epochs)


def as_shown(history: History) -> History:
    """The history without promotions: each network as it was first begun, with the result of its highest fidelity.

    It keeps its place in the order of completion: in regularized evolution being trained on makes nobody younger, only the score
    better known. Numbers, parents and `seen` count what is shown alone.
    Differs: results of several fidelities stand side by side. A network on a higher rung has beaten those left behind at their own
    fidelity and mostly scores higher, so a tournament that prefers it is right.
    """
    first = [candidate for candidate in history.candidates if candidate.continues is None]
    number = {candidate.number: place for place, candidate in enumerate(first)}
    scores = {candidate.key: candidate.scores for candidate in history.complete}
    seen = [0, *accumulate(candidate.continues is None for candidate in history.finished)]

    def shown(candidate: Candidate) -> Candidate:
        return replace(
            candidate,
            number=number[candidate.number],
            parent=number[candidate.parent] if candidate.parent is not None else None,
            scores=scores[candidate.key] if candidate.scores else candidate.scores,
            epochs=None,
            seen=seen[candidate.seen],
        )

    groups = (history.finished, history.pending, history.refused)
    finished, pending, refused = ([shown(c) for c in group if c.continues is None] for group in groups)
    return History(history.objectives, finished, pending, refused)
