"""The components that a request names, created and checked before anything is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf

from archwright.data.load import load_problem
from archwright.data.problem import Problem
from archwright.data.sources import Source
from archwright.data.splits import ProblemData
from archwright.errors import InputError
from archwright.evaluate.history import Objective
from archwright.evaluate.objective import parse_objectives
from archwright.execute import Resources, executor_names, usable_cpus
from archwright.network.baselines import build_baseline, check_baseline, is_network, usual_baselines
from archwright.one_shot import OneShotMethod, make_one_shot
from archwright.search_space import SearchSpace, make_space, usual_space
from archwright.search_strategy import Strategy, make_strategy, searched_space
from archwright.settings import with_settings
from archwright.study.request import Request
from archwright.study.strategies_by_name import is_one_shot
from archwright.study.time_plan import Budget
from archwright.train.augmentation import augmentation_names
from archwright.train.recipe import Recipe, recipe_for


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


def make_components(request: Request, source: Source | None = None) -> Components:
    """All components of a request. Raises InputError, before a file is written, if one is unknown or unsuitable."""
    request.check_settings()
    if request.executor not in executor_names() and ":" not in request.executor:
        raise InputError(f"there is no executor {request.executor!r}: choose from {', '.join(executor_names())}")
    weight_sharing = {name for name in request.all_strategies if is_one_shot(name)}
    strategies = {
        name: make_strategy(name, _settings(request, name)) for name in request.all_strategies if name not in weight_sharing
    }
    one_shot = {name: make_one_shot(name, _settings(request, name)) for name in request.all_strategies if name in weight_sharing}
    budget = with_settings(Budget, request.settings_for("budget"), "budget")
    requested_space = None if request.space is None else make_space(request.space, request.settings_for("space"))
    data = load_data(request, source)
    request = request.with_usual(usual_space(data.problem), usual_baselines(data.problem))
    space = (requested_space or make_space(request.space or "", request.settings_for("space"))).for_problem(data.problem)
    _check_baselines(request.baselines or (), data.problem)
    one_shot = {name: make_one_shot(name, _settings(request, name), data.problem.task) for name in one_shot}
    _check_supernets(space, one_shot, data.problem)
    for strategy in strategies.values():
        searched_space(strategy, space)  # raises if it cannot search this space
    recipe = recipe_for(data.problem.n_train, request.settings_for("train"), data.problem.task)
    augmentation_names(recipe.augmentation, data.problem, inf)  # raises if they do not suit the data
    if request.minutes is not None and recipe.precision == "auto":
        recipe = replace(recipe, precision="measure")
    return Components(
        request,
        data,
        space,
        strategies,
        one_shot,
        recipe,
        budget,
        parse_objectives(request.objectives, data.problem),
    )


def load_data(request: Request, source: Source | None = None) -> ProblemData:
    """The problem of a request, loaded from `source` or by default from the source that the request names."""
    return load_problem(
        source if source is not None else request.source,
        task=request.task,
        target=request.target,
        layout=request.layout,
        level=request.level,
        window=request.window,
        seed=request.seed,
    )


def _settings(request: Request, name: str) -> dict[str, str]:
    """A strategy's own settings; if only one strategy was requested, `strategy.` refers to it, too."""
    is_only = len(request.strategies) == 1 and name in request.strategies
    return request.settings_for(name, *(["strategy"] if is_only else []))


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
