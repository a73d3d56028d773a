"""The inner strategy of ASHA and Hyperband: it proposes new networks, as if each were trained only once."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import accumulate
from random import Random

from archwright.errors import UnknownSetting
from archwright.evaluate.history import Candidate, History, Proposal
from archwright.search_space import SearchSpace
from archwright.search_strategy.strategy import MultiFidelityStrategy, Strategy, sized_for_budget


@lru_cache(maxsize=16)  # so that a strategy keeps its cache of what it has fitted
def inner_strategy(name: str, networks: int | None, owner: str) -> Strategy:
    """The strategy `name`, with its unset sizes chosen for `networks` new networks; `owner` is the name of the outer strategy.

    Raises UnknownName, or UnknownSetting if `name` is itself a multi-fidelity strategy.
    """
    from archwright.search_strategy import make_strategy  # imported here, as it looks up the modules of this folder

    strategy = make_strategy(name)
    if isinstance(strategy, MultiFidelityStrategy):
        raise UnknownSetting(f"strategy {owner!r}, setting 'around': {name!r} is a multi-fidelity strategy: give one that is not")
    return sized_for_budget(strategy, networks)


def new_network(strategy: Strategy, space: SearchSpace, history: History, rng: Random, epochs: float) -> Proposal:
    """What the inner strategy proposes, to be trained for `epochs`; it sees each network only once."""
    first = [candidate for candidate in history.candidates if candidate.continues is None]
    proposal = strategy.propose(space, without_promotions(history), rng)
    parent = first[proposal.parent].number if proposal.parent is not None else None
    return replace(proposal, parent=parent, epochs=epochs)


def without_promotions(history: History) -> History:
    """The history without promotions: each network once, as first proposed, with the result of its highest fidelity.

    A network keeps its place in the order of completion: in regularized evolution a promotion does not make it younger, it only
    makes its score more accurate. Numbers, parents and `seen` refer to this reduced history.
    Differs: results of several fidelities are compared with each other. A network on a higher rung has beaten those left behind at
    their own fidelity and mostly scores higher, so a tournament is right to prefer it.
    """
    first = [candidate for candidate in history.candidates if candidate.continues is None]
    number = {candidate.number: place for place, candidate in enumerate(first)}
    scores = {candidate.key: candidate.scores for candidate in history.complete}
    seen = [0, *accumulate(candidate.continues is None for candidate in history.finished)]

    def reduced(candidate: Candidate) -> Candidate:
        return replace(
            candidate,
            number=number[candidate.number],
            parent=number[candidate.parent] if candidate.parent is not None else None,
            scores=scores[candidate.key] if candidate.scores else candidate.scores,
            epochs=None,
            seen=seen[candidate.seen],
        )

    groups = (history.finished, history.pending, history.refused)
    finished, pending, refused = ([reduced(c) for c in group if c.continues is None] for group in groups)
    return History(history.objectives, finished, pending, refused)
