"""Predictor-guided search: a surrogate fitted to all results so far selects which mutant of the best networks to train."""

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
    fitted_hyper_parameters,
    initial_hyper_parameters,
)
from archwright.search_strategy.surrogates.network_views import FEATURES, GRAPH, ExactArchitecture, NetworkView, cached_key
from archwright.search_strategy.surrogates.normal_scores import normal_scores, random_weights
from archwright.search_strategy.surrogates.tree_ensemble import forest_prediction
from archwright.settings import check_settings

USUAL_STARTS = 5
RANDOM_NETWORKS = 20
"""Random networks among which each initial network is chosen."""
MOST_RESULTS = 500
"""Results that the model is fitted to, at most: half of them the latest, the others the best of the rest."""
MOST_FITTING_RESULTS = 200
"""Results that hyper-parameters are fitted to, at most: evenly spread from the best to the worst."""
REFIT_GROWTH = 1.1
"""Hyper-parameters are refitted whenever the number of results has grown by this factor."""
NOISE = 0.01
TREES = 20


@dataclass(frozen=True)
class PredictorGuided:
    """BANANAS: a surrogate selects among mutants of the best networks (White, Neiswanger & Savani 2021, arXiv:1910.11858).

    The first `starts` networks (if unset, a quarter of the trials, between 2 and 5) are each the one of 20 random networks that the
    model is least certain about (MacKay 1992, doi:10.1162/neco.1992.4.4.590). After that the model ranks `ideas` mutants of the
    `parents` best networks, with 1 to `edits` answers changed, and a tenth as many random networks; the one with the highest
    `acquisition` is proposed. Models: a `gaussian_process` on the space's features, the default and the strongest; one with the
    `weisfeiler_lehman` kernel on graphs (Ru et al. 2021, arXiv:2006.07556); and an `ensemble` of trees on the features. If unset,
    the acquisition is `expected_improvement` for Gaussian processes and, as in the paper, `thompson_sampling` for the ensemble.
    Differs: the model is fitted to ranks, not scores; failed and refused networks count as the worst; networks that the model
    cannot distinguish from a known one are not tried. A running network is assigned its predicted score (kriging believer,
    Ginsbourger et al. 2010). With several objectives each proposal optimises a random weighting (ParEGO, Knowles 2006).
    """

    model: Literal["gaussian_process", "weisfeiler_lehman", "ensemble"] = "gaussian_process"
    acquisition: Literal["expected_improvement", "thompson_sampling"] | None = None
    starts: int | None = None
    ideas: int = 200
    parents: int = 10
    edits: int = 3
    _fits: list[_Fit] = field(default_factory=list, init=False, repr=False, compare=False)  # a cache of at most one fit

    paper: ClassVar[tuple[str, ...]] = ("white2021bananas", "mackay1992", "ru2021", "ginsbourger2010", "knowles2006")

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
        """The random network that the model without any results is least certain about, given the networks tried so far."""
        tried = history.candidates[-MOST_RESULTS:]
        random_networks = [space.sample(rng) for _ in range(RANDOM_NETWORKS)]
        if not tried:
            return random_networks[0]
        view = self._view
        rows = view.rows(space, [*(candidate.architecture for candidate in tried), *random_networks])
        known, unknown = _split_rows(rows, len(tried))
        process = GaussianProcess.of(view.kernel, self._prior_mean(space), known, np.zeros(len(tried)))
        return random_networks[int(np.argmax(process.predict(unknown)[1]))]

    def _ideas(self, space: SearchSpace, history: History, rng: Random) -> list[Proposal]:
        """Mutants and random networks that are neither known nor running, each once."""
        found: dict[str, Proposal] = {}
        for proposal in self._mutants_and_random_networks(space, history, rng):
            found.setdefault(cached_key(space, ExactArchitecture.of(proposal.architecture)), proposal)
        return [proposal for key, proposal in found.items() if key not in history.keys]

    def _mutants_and_random_networks(self, space: SearchSpace, history: History, rng: Random) -> list[Proposal]:
        best = _best(history.complete, self.parents)
        ideas = [Proposal(space.sample(rng)) for _ in range(self.ideas // 10)]
        with suppress(UnknownAnswer):  # a space of one architecture has nothing to mutate
            for _ in range(self.ideas):
                parent = rng.choice(best)
                mutant = space.mutate(parent.architecture, rng, rng.randint(1, self.edits))
                ideas.append(Proposal(mutant, parent=parent.number))
        return ideas

    def _acquisition(self, space: SearchSpace, history: History, ideas: Sequence[Architecture], rng: Random) -> Array:
        """The acquisition of each idea, (M,); lowest for those that the model cannot distinguish from a known network."""
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
        """Mean and standard deviation for the ideas, the last of `rows`; the first have `targets`, those between are running."""
        known, rest = _split_rows(rows, len(targets))
        running, ideas = _split_rows(rest, len(history.pending))
        if self.model == "ensemble":
            return forest_prediction(np.hstack(known[:2]), targets, np.hstack(ideas[:2]), TREES, rng.getrandbits(31))
        kernel, hyper = self._view.kernel, self._hyper_parameters(space, history.complete)
        process = GaussianProcess.of(kernel, hyper, known, targets)
        if history.pending:
            believer_targets = np.minimum(process.predict(running)[0], targets.max())
            both = tuple(np.vstack(pair) for pair in zip(known, running, strict=True))
            process = GaussianProcess.of(kernel, hyper, both, np.append(targets, believer_targets))
        return process.predict(ideas)

    @property
    def _view(self) -> NetworkView:
        return GRAPH if self.model == "weisfeiler_lehman" else FEATURES

    def _hyper_parameters(self, space: SearchSpace, complete: Sequence[Candidate]) -> Array:
        """Fitted to the first results, up to the last refit: a function of the history, so a restarted search finds the same."""
        count = 2
        while (following := max(count + 1, int(count * REFIT_GROWTH))) <= len(complete):
            count = following
        first = tuple(complete[:count])
        if not self._fits or (self._fits[0].space, self._fits[0].first) != (space, first):
            self._fits[:] = [_Fit(space, first, self._fit(space, first))]
        return self._fits[0].hyper

    def _fit(self, space: SearchSpace, first: Sequence[Candidate]) -> Array:
        """Several objectives have equal weights here, whatever the weights of a proposal."""
        kept = _evenly_spread(first)
        objectives = len(kept[0].scores or ())
        targets = normal_scores([candidate.scores for candidate in kept], [1 / objectives] * objectives)
        rows = self._view.rows(space, [candidate.architecture for candidate in kept])
        return fitted_hyper_parameters(self._view.kernel, rows, targets, self._prior_mean(space))

    def _prior_mean(self, space: SearchSpace) -> Array:
        """The prior mean of the hyper-parameters."""
        return initial_hyper_parameters(self._view.kernel, self._view.reference(space), NOISE)


@dataclass(frozen=True)
class _Fit:
    """Hyper-parameters and the results that they were fitted to."""

    space: SearchSpace
    first: tuple[Candidate, ...]
    hyper: Array


def _split_rows(rows: Inputs, count: int) -> tuple[Inputs, Inputs]:
    """The first `count` rows of each block, and the rest."""
    return tuple(block[:count] for block in rows), tuple(block[count:] for block in rows)


def _best(complete: Sequence[Candidate], count: int) -> list[Candidate]:
    """The best by score, the earliest of equals; with several objectives by front and crowding distance."""
    return [candidate for candidate, _ in survivors(complete, count)]


def _results(history: History) -> list[Candidate]:
    """What the model is fitted to: the selected results, and the networks that failed or were refused, each once."""
    good = {c.key for c in history.complete}
    bad = {c.key: c for c in (*history.finished, *history.refused) if c.scores is None and c.key not in good}
    return [*_selected(history.complete), *list(bad.values())[-MOST_RESULTS // 2 :]]


def _selected(complete: Sequence[Candidate]) -> Sequence[Candidate]:
    """At most 500 of the results, in their order of completion."""
    if len(complete) <= MOST_RESULTS:
        return complete
    latest = complete[-MOST_RESULTS // 2 :]
    best = _best(complete[: -MOST_RESULTS // 2], MOST_RESULTS // 2)
    return [*sorted(best, key=lambda candidate: candidate.number), *latest]


def _evenly_spread(complete: Sequence[Candidate]) -> Sequence[Candidate]:
    """At most 200 of the results, evenly spread from the best to the worst."""
    return _best(complete, len(complete))[:: -(-len(complete) // MOST_FITTING_RESULTS)]


def _seen_before(rows: Inputs, ideas: int) -> Array:
    """(M,), whether each of the last rows, the ideas, equals an earlier row in all blocks."""
    joined = [row.tobytes() for row in np.hstack(rows)]
    known = set(joined[:-ideas])
    return np.array([row in known for row in joined[-ideas:]])
