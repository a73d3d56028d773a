"""Predictor-guided search: a model of all results so far says which mutant of the best to try."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import Random
from typing import ClassVar, Literal, Self

import numpy as np

from archwright.architecture.architecture import Architecture
from archwright.errors import UnknownAnswer
from archwright.evaluate.history import Candidate, History, Proposal
from archwright.evaluate.pareto import survivors
from archwright.search_space import SearchSpace
from archwright.search_strategy.acquisition.expected_improvement import expected_improvement
from archwright.search_strategy.acquisition.thompson_sampling import independent_thompson_samples
from archwright.search_strategy.surrogates.gaussian_process import (
    Array,
    GaussianProcess,
    Inputs,
    first_guess,
    fitted_hyper_parameters,
)
from archwright.search_strategy.surrogates.network_views import FEATURES, GRAPH, Exactly, NetworkView, key_from_memory
from archwright.search_strategy.surrogates.normal_scores import normal_scores, random_weights
from archwright.search_strategy.surrogates.tree_ensemble import forest_prediction
from archwright.settings import check_settings

USUAL_STARTS = 5
STRANGERS = 20
"""Random networks that a start is taken from."""
MOST_KNOWN = 500
"""Results that the model learns from: the better half are the best of all, the others the latest."""
MOST_FITTED = 200
"""Results that hyper-parameters are fitted to: evenly spread from the best to the worst."""
GROWTH = 1.1
"""Hyper-parameters are fitted anew when there are so many times more results."""
NOISE = 0.01
TREES = 20


@dataclass(frozen=True)
class PredictorGuided:
    """White, Neiswanger & Savani 2021 (BANANAS), arXiv:1910.11858: a model of all results picks among mutants of the best.

    First come `starts` networks (left unset, a quarter of the trials, between 2 and 5), each the one of 20 random networks that the
    model is least sure about (MacKay 1992, doi:10.1162/neco.1992.4.4.590). Then `ideas` mutants of the `parents` best, 1 to `edits`
    answers changed, and a tenth as many random networks are ranked by the model, and the best by the `acquisition` is proposed.
    Models: a `gaussian_process` on the space's features, the default and the strongest; one with the `weisfeiler_lehman` kernel on
    graphs (Ru et al. 2021, arXiv:2006.07556); and an `ensemble` of trees on the features. Left unset, the acquisition is
    `expected_improvement` for processes and, as in the paper, `thompson_sampling` for the ensemble.
    Differs: scores count by their ranks; what failed or was refused counts as the worst seen; an idea that the model cannot tell
    from a known network is not tried. A running network counts as if it had got what the model predicts (kriging believer,
    Ginsbourger et al. 2010). Of several objectives each proposal improves a random weighting (ParEGO, Knowles 2006).
    """

    model: Literal["gaussian_process", "weisfeiler_lehman", "ensemble"] = "gaussian_process"
    acquisition: Literal["expected_improvement", "thompson_sampling"] | None = None
    starts: int | None = None
    ideas: int = 200
    parents: int = 10
    edits: int = 3
    _fits: list[_Fit] = field(default_factory=list, init=False, repr=False, compare=False)  # a cache of one, never the truth

    paper: ClassVar[str] = (
        "White, Neiswanger & Savani 2021, BANANAS: Bayesian optimization with neural architectures for neural architecture search, "
        "arXiv:1910.11858"
    )

    def __post_init__(self) -> None:
        check_settings(
            self, "strategy 'predictor_guided'", starts=(2, 10_000), ideas=(1, 100_000), parents=(1, 10_000), edits=(1, 1000)
        )

    def for_budget(self, trials: int | None) -> Self:
        if self.starts is not None or trials is None:
            return self
        return replace(self, starts=min(USUAL_STARTS, max(2, trials // 4)))

    def propose(self, space: SearchSpace, history: History, rng: Random) -> Proposal:
        begun = len(history.complete) + len(history.pending)
        if begun < (self.starts or USUAL_STARTS) or len(history.complete) < 2:
            return Proposal(self._start(space, history, rng))
        ideas = self._ideas(space, history, rng)
        if not ideas:
            return Proposal(space.sample(rng))
        acquisition = self._acquisition(space, history, [idea.architecture for idea in ideas], rng)
        return ideas[int(np.argmax(acquisition))]

    def _start(self, space: SearchSpace, history: History, rng: Random) -> Architecture:
        """Of some random networks the one that the model, before any result, is least sure about, given those tried before."""
        tried = history.candidates[-MOST_KNOWN:]
        strangers = [space.sample(rng) for _ in range(STRANGERS)]
        if not tried:
            return strangers[0]
        view = self._view
        rows = view.rows(space, [*(candidate.architecture for candidate in tried), *strangers])
        known, unknown = _divided(rows, len(tried))
        process = GaussianProcess.of(view.kernel, self._centre(space), known, np.zeros(len(tried)))
        return strangers[int(np.argmax(process.predict(unknown)[1]))]

    def _ideas(self, space: SearchSpace, history: History, rng: Random) -> list[Proposal]:
        """Networks that are neither known nor running, each once."""
        found: dict[str, Proposal] = {}
        for proposal in self._mutants_and_strangers(space, history, rng):
            found.setdefault(key_from_memory(space, Exactly.of(proposal.architecture)), proposal)
        return [proposal for key, proposal in found.items() if key not in history.keys]

    def _mutants_and_strangers(self, space: SearchSpace, history: History, rng: Random) -> list[Proposal]:
        best = _best(history.complete, self.parents)
        ideas = [Proposal(space.sample(rng)) for _ in range(self.ideas // 10)]
        with suppress(UnknownAnswer):  # a space of one architecture has nothing to mutate
            for _ in range(self.ideas):
                parent = rng.choice(best)
                mutant = space.mutate(parent.architecture, rng, rng.randint(1, self.edits))
                ideas.append(Proposal(mutant, parent=parent.number))
        return ideas

    def _acquisition(self, space: SearchSpace, history: History, ideas: Sequence[Architecture], rng: Random) -> Array:
        """What trying each idea is worth, (M,): the acquisition, below all else where the model sees a known network in it."""
        results = _results(history)
        architectures = [*(c.architecture for c in (*results, *history.pending)), *ideas]
        rows = self._view.rows(space, architectures)
        targets = normal_scores([result.scores for result in results], random_weights(len(history.objectives), rng))
        mean, deviation = self._predict(space, history, rows, targets, rng)
        usual = "thompson_sampling" if self.model == "ensemble" else "expected_improvement"
        if (self.acquisition or usual) == "thompson_sampling":
            acquisition = independent_thompson_samples(mean, deviation, rng)
        else:
            acquisition = expected_improvement(mean, deviation, float(targets.max()))
        return np.where(_seen_before(rows, len(ideas)), acquisition - np.ptp(acquisition) - 1.0, acquisition)

    def _predict(self, space: SearchSpace, history: History, rows: Inputs, targets: Array, rng: Random) -> tuple[Array, Array]:
        """Mean and standard deviation for the last of `rows`, the ideas; the first have `targets`, those between are running."""
        known, rest = _divided(rows, len(targets))
        running, ideas = _divided(rest, len(history.pending))
        if self.model == "ensemble":
            return forest_prediction(np.hstack(known[:2]), targets, np.hstack(ideas[:2]), TREES, rng.getrandbits(31))
        kernel, hyper = self._view.kernel, self._hyper_parameters(space, history.complete)
        process = GaussianProcess.of(kernel, hyper, known, targets)
        if history.pending:
            believed = np.minimum(process.predict(running)[0], targets.max())
            both = tuple(np.vstack(pair) for pair in zip(known, running, strict=True))
            process = GaussianProcess.of(kernel, hyper, both, np.append(targets, believed))
        return process.predict(ideas)

    @property
    def _view(self) -> NetworkView:
        return GRAPH if self.model == "weisfeiler_lehman" else FEATURES

    def _hyper_parameters(self, space: SearchSpace, complete: Sequence[Candidate]) -> Array:
        """Those of the first results, as many as the last fit had: a function of the history, so a restarted search finds them."""
        count = 2
        while (following := max(count + 1, int(count * GROWTH))) <= len(complete):
            count = following
        first = tuple(complete[:count])
        if not self._fits or (self._fits[0].space, self._fits[0].first) != (space, first):
            self._fits[:] = [_Fit(space, first, self._fit(space, first))]
        return self._fits[0].hyper

    def _fit(self, space: SearchSpace, first: Sequence[Candidate]) -> Array:
        """Of several objectives with equal weights, whatever the weights of a proposal."""
        kept = _spread(first)
        objectives = len(kept[0].scores or ())
        targets = normal_scores([candidate.scores for candidate in kept], [1 / objectives] * objectives)
        rows = self._view.rows(space, [candidate.architecture for candidate in kept])
        return fitted_hyper_parameters(self._view.kernel, rows, targets, self._centre(space))

    def _centre(self, space: SearchSpace) -> Array:
        """The hyper-parameters before any result."""
        return first_guess(self._view.kernel, self._view.reference(space), NOISE)


@dataclass(frozen=True)
class _Fit:
    """Hyper-parameters, and the results that they were fitted to."""

    space: SearchSpace
    first: tuple[Candidate, ...]
    hyper: Array


def _divided(rows: Inputs, count: int) -> tuple[Inputs, Inputs]:
    """The first so many rows of each block, and the others."""
    return tuple(block[:count] for block in rows), tuple(block[count:] for block in rows)


def _best(complete: Sequence[Candidate], count: int) -> list[Candidate]:
    """The best by score, the earlier of equals; of several objectives by front and crowding distance."""
    return [candidate for candidate, _ in survivors(complete, count)]


def _results(history: History) -> list[Candidate]:
    """What the model learns from: the kept results, and the networks that failed or were refused, each once."""
    good = {c.key for c in history.complete}
    bad = {c.key: c for c in (*history.finished, *history.refused) if c.scores is None and c.key not in good}
    return [*_kept(history.complete), *list(bad.values())[-MOST_KNOWN // 2 :]]


def _kept(complete: Sequence[Candidate]) -> Sequence[Candidate]:
    """At most 500 of the results, in their order."""
    if len(complete) <= MOST_KNOWN:
        return complete
    latest = complete[-MOST_KNOWN // 2 :]
    best = _best(complete[: -MOST_KNOWN // 2], MOST_KNOWN // 2)
    return [*sorted(best, key=lambda candidate: candidate.number), *latest]


def _spread(complete: Sequence[Candidate]) -> Sequence[Candidate]:
    """At most 200 of the results."""
    return _best(complete, len(complete))[:: -(-len(complete) // MOST_FITTED)]


def _seen_before(rows: Inputs, ideas: int) -> Array:
    """Which of the last rows, (M,), are equal in all blocks to one before them."""
    joined = [row.tobytes() for row in np.hstack(rows)]
    known = set(joined[:-ideas])
    return np.array([row in known for row in joined[-ideas:]])
