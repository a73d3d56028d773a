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

BUDGET_SETTINGS = ("population_size", "n_startup_trials")
"""Settings that depend on the budget if unset: a quarter of the trials, at least 4, at most Optuna's default."""
SEQUENCE_SAMPLERS = frozenset({"grid", "qmc"})
"""Samplers whose seed determines a sequence: all proposals of a search use the seed of the first."""
UNCONDITIONAL_ONLY = frozenset({"gp", "nsgaii", "nsgaiii", "qmc"})
"""Samplers that model only unconditional questions, and answer conditional ones at random."""
GRID_LIMIT = 20_000
PLAIN_TYPES: dict[str, Any] = {"bool": bool, "int": int, "float": float, "str": str, "None": None}


@dataclass(frozen=True)
class OptunaStrategy:
    """Any Optuna sampler (Akiba et al. 2019, arXiv:1907.10902), created for each proposal from that proposal's seed.

    The sampler runs on an in-memory study that mirrors the history. Attributes that it stores with a trial (a generation, a
    position in a sequence) go into the proposal's note and come back with the history, so there is no other state.
    """

    sampler: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    _studies: list[InMemoryStudy] = field(default_factory=list, init=False, repr=False, compare=False)  # a cache of at most one

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", _read_settings(self.sampler, self.settings))
        if self.sampler != "grid":
            self._make_sampler(0)  # so that settings Optuna rejects fail here and not during the search

    def for_budget(self, trials: int | None) -> Self:
        if trials is None:
            return self
        defaults = sampler_settings(self.sampler)
        unset = [size for size in BUDGET_SETTINGS if size in defaults and size not in self.settings]
        return replace(self, settings={**self.settings, **{size: min(defaults[size], max(4, trials // 4)) for size in unset}})

    def propose(self, space: SearchSpace, history: History, rng: Random) -> Proposal:
        if self.sampler == "cmaes" and len(history.objectives) > 1:
            raise InputError("optuna:cmaes takes only one objective: give one, or use optuna:nsgaii")
        seed = rng.getrandbits(31)
        sequence = _first_seed(history, default=seed) if self.sampler in SEQUENCE_SAMPLERS else None
        with quiet(), one_thread() if self.sampler == "gp" else nullcontext():
            study = self._study_of(space, history)
            architecture, written = study.ask(self._sampler_for(space, seed, sequence))
        note = written if sequence is None else {**written, "seed": sequence}
        return Proposal(architecture, note={NOTE: note} if note else {})

    def limitations(self, space: SearchSpace) -> str | None:
        """What the sampler cannot model in this space, in one sentence; None if it models everything."""
        if self.sampler == "cmaes":
            return "optuna:cmaes models numbers only: it answers every question of a space at random"
        conditional = _conditional_questions(space)
        if not conditional:
            return None
        named = f"{conditional[0]!r}" + (f" and {len(conditional) - 1} more" if conditional[1:] else "")
        if self.sampler in UNCONDITIONAL_ONLY:
            return f"{PREFIX}{self.sampler} cannot model conditional questions: it answers {named} at random"
        if self.sampler == "tpe":
            return f"optuna:tpe models each conditional question independently: {named}"
        if self.sampler == "grid":
            return f"optuna:grid repeats networks in a space with conditional questions ({named}): optuna:bruteforce does not"
        return None

    def _study_of(self, space: SearchSpace, history: History) -> InMemoryStudy:
        if not self._studies or not self._studies[0].can_catch_up(space, history):
            self._studies[:] = [InMemoryStudy(space, len(history.objectives))]
        self._studies[0].catch_up(history)
        return self._studies[0]

    def _sampler_for(self, space: SearchSpace, seed: int, sequence: int | None) -> BaseSampler:
        if self.sampler == "grid":
            return self._make_sampler(sequence, search_space=_grid_of(space))
        if self.sampler == "qmc":  # the sequence continues; questions outside it are drawn at random
            return self._make_sampler(sequence, independent_sampler=RandomSampler(seed))
        return self._make_sampler(seed)

    def _make_sampler(self, seed: int | None, **parts: Any) -> BaseSampler:
        cls = getattr(optuna.samplers, SAMPLERS[self.sampler].class_name)
        if self.sampler in ("cmaes", "gp", "qmc"):
            parts["warn_independent_sampling"] = False
        try:
            with quiet():
                sampler: BaseSampler = cls(seed=seed, **parts, **self.settings)
                return sampler
        except ValueError as error:
            raise UnknownSetting(f"strategy '{PREFIX}{self.sampler}': Optuna rejects {dict(self.settings)}: {error}") from error


def sampler_settings(sampler: str) -> dict[str, Any]:
    """The settings of an Optuna sampler that can be given as text, with Optuna's defaults."""
    return {name: parameter.default for name, (parameter, _) in _parameters(sampler).items()}


def _parameters(sampler: str) -> dict[str, tuple[inspect.Parameter, Any]]:
    """The sampler's parameters that are numbers, strings or booleans, with their types; not the seed, which is the study's."""
    signature = inspect.signature(getattr(optuna.samplers, SAMPLERS[sampler].class_name))
    readable = {}
    for name, parameter in signature.parameters.items():
        types = [part.strip() for part in str(parameter.annotation).split("|")]
        if name != "seed" and not name.startswith("warn_") and all(part in PLAIN_TYPES for part in types):
            readable[name] = (parameter, functools.reduce(operator.or_, [PLAIN_TYPES[part] for part in types]))
    return readable


def _read_settings(sampler: str, given: Mapping[str, Any]) -> dict[str, Any]:
    parameters = _parameters(sampler)
    where = f"strategy '{PREFIX}{sampler}'"
    check_known(given, list(parameters), where)
    return {key: read_value(value, parameters[key][1], f"{where}, setting {key!r}") for key, value in given.items()}


def _first_seed(history: History, default: int) -> int:
    seeds = (candidate.note.get(NOTE, {}).get("seed") for candidate in history.candidates)
    return next((int(seed) for seed in seeds if seed is not None), default)


def _grid_of(space: SearchSpace) -> dict[str, list[int]]:
    questions = space.questions()
    combinations = prod(len(question.options) for question in questions)
    if combinations > GRID_LIMIT:
        raise InputError(
            f"optuna:grid would list all {combinations:,} combinations of answers, more than {GRID_LIMIT:,}: use optuna:bruteforce"
        )
    return {question.name: list(range(len(question.options))) for question in questions}


def _conditional_questions(space: SearchSpace) -> list[str]:
    """The conditional questions with more than one option: those missing in some of 200 random architectures."""
    rng = Random(0)
    samples = [questions_asked(space.decide, space.sample(rng).answers) for _ in range(200)]
    return [q.name for q in space.questions() if len(q.options) > 1 and not all(q.name in sample for sample in samples)]
