"""The objectives of a search by name, and their values in the outcome of a training."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from archwright.data.problem import Problem
from archwright.errors import InputError, did_you_mean
from archwright.evaluate.history import Objective
from archwright.evaluate.job import Outcome
from archwright.settings import listed

COSTS = ("parameters", "macs", "peak_memory_mb", "seconds", "latency_ms")
"""The costs of a network, named like the fields of `Outcome`; lower is better. Times in seconds or milliseconds, memory in MB."""


def known_objectives(problem: Problem) -> tuple[Objective, ...]:
    """The task's metric (maximized or minimized), the validation loss and the costs (minimized)."""
    return (Objective(problem.metric, problem.maximize), *(Objective(name, maximize=False) for name in ("loss", *COSTS)))


def parse_objectives(names: str | Sequence[str], problem: Problem) -> tuple[Objective, ...]:
    """Objectives from text such as `accuracy,macs`; without names, the task's metric.

    Raises InputError if a name is unknown or repeated, or if the first is not measured on the validation split.
    """
    asked = listed(names) or ()
    known = {objective.name: objective for objective in known_objectives(problem)}
    for name in asked:
        if name not in known:
            hint = did_you_mean(name, known)
            raise InputError(f"there is no objective {name!r} for {problem.task}{hint}: choose from {', '.join(known)}")
        if asked.count(name) > 1:
            raise InputError(f"objective {name!r} occurs more than once in {', '.join(asked)}: name it once")
    if asked and asked[0] in COSTS:
        raise InputError(
            f"the first objective is {asked[0]!r}, a cost: begin with {problem.metric!r} or 'loss', which select the final networks"
        )
    return tuple(known[name] for name in asked or [problem.metric])


def objective_value(objective: Objective, outcome: Outcome) -> float | None:
    """The objective's value in its own unit; None if it was not measured or is not finite."""
    value = getattr(outcome, objective.name) if objective.name in COSTS else outcome.metrics.get(objective.name)
    return float(value) if value is not None and isfinite(value) else None


def scores_of(objectives: Sequence[Objective], outcome: Outcome) -> tuple[float, ...] | None:
    """One score per objective, higher is better; None if the training is not complete or a value is missing."""
    if outcome.state != "complete":
        return None
    values = [objective_value(objective, outcome) for objective in objectives]
    scores = [objective.score(value) for objective, value in zip(objectives, values, strict=True) if value is not None]
    return tuple(scores) if len(scores) == len(objectives) else None
