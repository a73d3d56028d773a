"""The components that a request names: data first, then each part is made once and checked, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any, TypeVar

from archwright.data.load import load_problem
from archwright.data.problem import Problem
from archwright.data.splits import ProblemData
from archwright.errors import InputError
from archwright.evaluate.history import Objective
from archwright.evaluate.objective import parse_objectives
from archwright.execute import Resources, executor_names, usable_cpus
from archwright.network.baselines import build_baseline, check_baseline, is_network, usual_baselines
from archwright.one_shot import OneShotMethod, make_one_shot
from archwright.search_space import SearchSpace, make_space, usual_space
from archwright.search_strategy import Strategy, make_strategy, searched_space
from archwright.settings import settings_of, with_settings
from archwright.study.request import Request
from archwright.study.strategies_by_name import is_one_shot
from archwright.study.time_plan import Budget
from archwright.train.augmentation import augmentation_names
from archwright.train.recipe import Recipe, recipe_for

T = TypeVar("T")


@dataclass(frozen=True)
class Components:
    """The components that a request names. `strategies` and `one_shot` hold the two kinds of strategy, by name.

    `request`: with the default space and baselines for the data filled in where none were requested.
    """

    request: Request
    data: ProblemData
    space: SearchSpace
    strategies: dict[str, Strategy]
    one_shot: dict[str, OneShotMethod]
    recipe: Recipe
    budget: Budget
    objectives: tuple[Objective, ...]

    @property
    def resources(self) -> Resources:
        """The resources of the trainings. Raises InputError for a request that no machine could satisfy."""
        request = self.request
        return Resources(
            self._workers, request.cpus, request.gpus, request.memory, request.device, request.address, request.devices
        )

    @property
    def _workers(self) -> int | None:
        """As requested; by default every core with `minutes`, else one, so that the same command gives the same result.

        A training on several devices takes as many workers. None leaves the number to an executor that spans several machines.
        """
        request = self.request
        if request.workers is not None or request.executor != "processes":
            return request.workers
        return max(request.devices, usable_cpus() // (request.cpus or 1) if request.minutes is not None else 1)


def make_components(request: Request) -> Components:
    """All components of a request. Raises InputError, before a file is written, if one is unknown or unsuitable."""
    request.check_settings()
    if request.executor not in executor_names() and ":" not in request.executor:
        raise InputError(f"there is no executor {request.executor!r}: choose from {', '.join(executor_names())}")
    data = load_data(request)
    problem = data.problem
    request = request.with_usual(usual_space(problem), usual_baselines(problem))
    space = _space(request).for_problem(problem)
    strategies, one_shot = _strategies(request, problem)
    _check_supernets(space, one_shot, problem)
    for strategy in strategies.values():
        searched_space(strategy, space)  # raises if it cannot search this space
    _check_baselines(request.baselines or (), problem)
    recipe = recipe_for(problem.n_train, request.settings_for("train"), problem.task)
    augmentation_names(recipe.augmentation, problem, inf)  # raises if they do not suit the data
    if request.minutes is not None and recipe.precision == "auto":
        recipe = replace(recipe, precision="measure")
    budget = with_settings(Budget, request.settings_for("budget"), "budget")
    return Components(request, data, space, strategies, one_shot, recipe, budget, parse_objectives(request.objectives, problem))


def load_data(request: Request) -> ProblemData:
    """The problem in the request's source."""
    return load_problem(
        request.source,
        task=request.task,
        target=request.target,
        layout=request.layout,
        level=request.level,
        window=request.window,
        seed=request.seed,
    )


def _space(request: Request) -> SearchSpace:
    settings = request.settings_for("space")
    if isinstance(request.space, SearchSpace):
        return _changed(request.space, settings, f"space {request.space_name!r}")
    return make_space(request.space or "", settings)


def _strategies(request: Request, problem: Problem) -> tuple[dict[str, Strategy], dict[str, OneShotMethod]]:
    """The strategies of both kinds; settings that begin with `strategy.` are meant for the only requested one."""
    strategies: dict[str, Strategy] = {}
    one_shot: dict[str, OneShotMethod] = {}
    for name, given in request.all_strategies.items():
        settings = request.settings_for(name, *(["strategy"] if request.strategy_names == (name,) else []))
        if not isinstance(given, str):
            made: Any = _changed(given, settings, f"strategy {name!r}")
            (one_shot if is_one_shot(given) else strategies)[name] = made
        elif is_one_shot(name):
            one_shot[name] = make_one_shot(name, settings, problem.task)
        else:
            strategies[name] = make_strategy(name, settings)
    return strategies, one_shot


def _changed(given: T, settings: Mapping[str, Any], where: str) -> T:
    """An object that was given instead of a name, with some of its settings changed."""
    return with_settings(type(given), {**settings_of(given), **settings}, where) if settings else given


def _check_baselines(names: Sequence[str], problem: Problem) -> None:
    """Build each on the meta device, so that one that does not suit the data is reported before anything is trained."""
    import torch

    with torch.device("meta"):
        for name in names:
            check_baseline(name, problem)
            if is_network(name):
                build_baseline(name, problem)


def _check_supernets(space: SearchSpace, methods: Mapping[str, OneShotMethod], problem: Problem) -> None:
    """The same check for supernets: a space may have none, or none with these settings."""
    if not methods:
        return
    from archwright.one_shot.supernet.requirements import check_supernet

    for method in methods.values():
        check_supernet(method, space, problem)
