"""Optuna's samplers as strategies: `optuna:tpe`, `optuna:nsgaii`, `optuna:gp` and so on."""

from __future__ import annotations

import functools
import inspect
import operator
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from math import prod
from random import Random
from typing import Any, Self

import optuna
from optuna.samplers import BaseSampler, RandomSampler

from archwright.architecture.variation import questions_asked
from archwright.errors import InputError, UnknownSetting
from archwright.evaluate.history import History, Proposal
from archwright.search_space import SearchSpace
from archwright.search_strategy.optuna_adapter.in_memory_study import NOTE, InMemoryStudy, quiet
from archwright.search_strategy.optuna_adapter.sampler_names import PREFIX, SAMPLERS
from archwright.search_strategy.surrogates.one_thread import one_thread
from archwright.settings import check_known, read_value

SIZES = ("population_size", "n_startup_trials")
"""Settings that follow the budget where they are unset: a quarter of the trials, at least 4, at most Optuna's default."""
ONE_SEQUENCE = frozenset({"grid", "qmc"})
"""Samplers whose seed names one sequence: every proposal of a search uses the seed of its first."""
ALWAYS_ASKED_ONLY = frozenset({"gp", "nsgaii", "nsgaiii", "qmc"})
"""Samplers that model the questions that are always asked, and answer the others at random."""
GRID_LIMIT = 20_000
PLAIN_TYPES: dict[str, Any] = {"bool": bool, "int": int, "float": float, "str": str, "None": None}


@dataclass(frozen=True)
class OptunaStrategy:
    """Any Optuna sampler (Akiba et al. 2019, arXiv:1907.10902), made anew for each proposal from the proposal's seed.

    It is asked on an in-memory study that mirrors the history. What the sampler writes down beside a trial (a generation, a
    place in a sequence) goes into the proposal's note and comes back with the history, so nothing else is state.
    """

    sampler: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    _mirrors: list[InMemoryStudy] = field(
        default_factory=list, init=False, repr=False, compare=False
    )  # a cache of one, never the truth

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", _read_settings(self.sampler, self.settings))
        if self.sampler != "grid":
            self._make(0)  # so that what Optuna refuses is refused here, and not in the search

    def for_budget(self, trials: int | None) -> Self:
        if trials is None:
            return self
        defaults = sampler_settings(self.sampler)
        unset = [size for size in SIZES if size in defaults and size not in self.settings]
        return replace(self, settings={**self.settings, **{size: min(defaults[size], max(4, trials // 4)) for size in unset}})

    def propose(self, space: SearchSpace, history: History, rng: Random) -> Proposal:
        if self.sampler == "cmaes" and len(history.objectives) > 1:
            raise InputError("optuna:cmaes takes one objective: ask for one, or take optuna:nsgaii")
        seed = rng.getrandbits(31)
        sequence = _first_seed(history, default=seed) if self.sampler in ONE_SEQUENCE else None
        with quiet(), one_thread() if self.sampler == "gp" else nullcontext():
            study = self._mirror(space, history)
            architecture, written = study.ask(self._sampler_for(space, seed, sequence))
        note = written if sequence is None else {**written, "seed": sequence}
        return Proposal(architecture, note={NOTE: note} if note else {})

    def limitations(self, space: SearchSpace) -> str | None:
        """What the sampler cannot model in this space, in one sentence."""
        if self.sampler == "cmaes":
            return "optuna:cmaes models numbers only: it answers every question of a space at random"
        some = _sometimes_asked(space)
        if not some:
            return None
        named = f"{some[0]!r}" + (f" and {len(some) - 1} more" if some[1:] else "")
        if self.sampler in ALWAYS_ASKED_ONLY:
            return f"{PREFIX}{self.sampler} cannot model questions that are not always asked: it answers {named} at random"
        if self.sampler == "tpe":
            return f"optuna:tpe models questions that are not always asked each by itself: {named}"
        if self.sampler == "grid":
            return f"optuna:grid meets networks again where questions are not always asked ({named}): optuna:bruteforce does not"
        return None

    def _mirror(self, space: SearchSpace, history: History) -> InMemoryStudy:
        if not self._mirrors or not self._mirrors[0].follows(space, history):
            self._mirrors[:] = [InMemoryStudy(space, len(history.objectives))]
        self._mirrors[0].follow(history)
        return self._mirrors[0]

    def _sampler_for(self, space: SearchSpace, seed: int, sequence: int | None) -> BaseSampler:
        if self.sampler == "grid":
            return self._make(sequence, search_space=_grid(space))
        if self.sampler == "qmc":  # the sequence goes on; what it does not hold is drawn anew
            return self._make(sequence, independent_sampler=RandomSampler(seed))
        return self._make(seed)

    def _make(self, seed: int | None, **parts: Any) -> BaseSampler:
        cls = getattr(optuna.samplers, SAMPLERS[self.sampler].class_name)
        if self.sampler in ("cmaes", "gp", "qmc"):
            parts["warn_independent_sampling"] = False
        try:
            with quiet():
                sampler: BaseSampler = cls(seed=seed, **parts, **self.settings)
                return sampler
        except ValueError as error:
            raise UnknownSetting(
                f"strategy '{PREFIX}{self.sampler}': Optuna does not take {dict(self.settings)}: {error}"
            ) from error


def sampler_settings(sampler: str) -> dict[str, Any]:
    """The settings of an Optuna sampler that a text can give, with Optuna's defaults."""
    return {name: parameter.default for name, (parameter, _) in _parameters(sampler).items()}


def _parameters(sampler: str) -> dict[str, tuple[inspect.Parameter, Any]]:
    """Those of the sampler's signature that are numbers, texts or truths, with the type of each; the seed is the study's."""
    signature = inspect.signature(getattr(optuna.samplers, SAMPLERS[sampler].class_name))
    plain = {}
    for name, parameter in signature.parameters.items():
        types = [part.strip() for part in str(parameter.annotation).split("|")]
        if name != "seed" and not name.startswith("warn_") and all(part in PLAIN_TYPES for part in types):
            plain[name] = (parameter, functools.reduce(operator.or_, [PLAIN_TYPES[part] for part in types]))
    return plain


def _read_settings(sampler: str, given: Mapping[str, Any]) -> dict[str, Any]:
    parameters = _parameters(sampler)
    where = f"strategy '{PREFIX}{sampler}'"
    check_known(given, list(parameters), where)
    return {key: read_value(value, parameters[key][1], f"{where}, setting {key!r}") for key, value in given.items()}


def _first_seed(history: History, default: int) -> int:
    seeds = (candidate.note.get(NOTE, {}).get("seed") for candidate in history.candidates)
    return next((int(seed) for seed in seeds if seed is not None), default)


def _grid(space: SearchSpace) -> dict[str, list[int]]:
    questions = space.questions()
    combinations = prod(len(question.options) for question in questions)
    if combinations > GRID_LIMIT:
        raise InputError(
            f"optuna:grid would list all {combinations:,} combinations of answers, more than {GRID_LIMIT:,}: take optuna:bruteforce"
        )
    return {question.name: list(range(len(question.options))) for question in questions}


def _sometimes_asked(space: SearchSpace) -> list[str]:
    """Questions with a choice that some architectures do not answer, as far as 200 samples show it."""
    rng = Random(0)
    samples = [questions_asked(space.decide, space.sample(rng).answers) for _ in range(200)]
    return [q.name for q in space.questions() if len(q.options) > 1 and not all(q.name in sample for sample in samples)]
