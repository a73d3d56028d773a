"""One run from the data to results.json: plan, search, final trainings, baselines, verdict, model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from random import Random
from typing import Any

from archwright.architecture.settings import settings_of, with_settings
from archwright.data.load import load_problem
from archwright.data.problem import Problem
from archwright.data.sources import Source
from archwright.data.splits import ProblemData
from archwright.data.store import save_problem
from archwright.errors import InputError
from archwright.evaluate.full import trained_network
from archwright.evaluate.history import Objective
from archwright.evaluate.job import Job, Stage
from archwright.evaluate.model_folder import save_model
from archwright.evaluate.objective import parse_objectives
from archwright.execute import executor_names, make_executor, threads_per_worker
from archwright.execute.executor import Executor
from archwright.network.baselines import build_baseline, is_network
from archwright.search_space import SearchSpace, make_space
from archwright.search_strategy import Strategy, limitations, make_strategy, sized_for_budget
from archwright.study.budget import Budget
from archwright.study.candidates_table import CandidatesTable
from archwright.study.crew import Crew
from archwright.study.json_file import read_json, write_json
from archwright.study.ledger import Ledger
from archwright.study.planning import (
    LEAST_PROBE_SECONDS,
    PROBE_SHARE,
    PROBED_ARCHITECTURES,
    Planned,
    Skipped,
    planned_by_minutes,
    planned_by_trials,
)
from archwright.study.progress import Progress
from archwright.study.protocol import Contender, FinalTraining, final_trainings, train_finally
from archwright.study.request import Request
from archwright.study.results import Method, failures, method_json, method_of, problem_json, read_accesses, test_runs, versions
from archwright.study.row import Row
from archwright.study.run_folder import Clock, RunFolder, training_key
from archwright.study.searching import Lane, Limits, best_candidates, search
from archwright.study.verdict import best_on_validation, make_verdict
from archwright.train.recipe import Recipe, recipe_for


@dataclass(frozen=True)
class Parts:
    """What a request names, made and checked before anything is written."""

    request: Request
    data: ProblemData
    space: SearchSpace
    strategies: dict[str, Strategy]
    recipe: Recipe
    budget: Budget
    objectives: tuple[Objective, ...]

    @property
    def workers(self) -> int:
        """As asked for; by default every core where minutes count, else one, so that the same command gives the same result."""
        if self.request.workers is not None:
            return self.request.workers
        return (os.cpu_count() or 1) if self.request.minutes is not None else 1


def make_parts(request: Request, source: Source | None = None, space: SearchSpace | None = None) -> Parts:
    """Everything a request names. Raises InputError for whatever is unknown or does not fit, before a file is written."""
    request.check_settings()
    if request.executor not in executor_names():
        raise InputError(f"there is no executor {request.executor!r}: choose from {', '.join(executor_names())}")
    one = ("strategy",) if len(request.strategies) == 1 else ()
    strategies = {
        name: make_strategy(name, request.settings_for(name, *(one if name in request.strategies else ())))
        for name in request.all_strategies
    }
    budget = with_settings(Budget, request.settings_for("budget"), "budget")
    made = space if space is not None else make_space(request.space, request.settings_for("space"))
    data = load_problem(
        source if source is not None else request.source,
        task=request.task,
        target=request.target,
        layout=request.layout,
        seed=request.seed,
    )
    _check_baselines(request.baselines, data.problem)
    recipe = recipe_for(data.problem.n_train, request.settings_for("train"))
    if request.minutes is not None and recipe.precision == "auto":
        recipe = replace(recipe, precision="measure")
    return Parts(
        request,
        data,
        made.for_problem(data.problem),
        strategies,
        recipe,
        budget,
        parse_objectives(request.objectives, data.problem),
    )


def _check_baselines(names: Sequence[str], problem: Problem) -> None:
    """Build each without memory for its weights, so that one that does not suit the data is said before anything is trained."""
    import torch

    with torch.device("meta"):
        for name in names:
            if is_network(name):
                build_baseline(name, problem)


def conduct(request: Request, source: Source | None = None, space: SearchSpace | None = None) -> RunFolder:
    """Run what is asked, or what is left of it, and write everything but the report. Returns the run's folder."""
    parts = make_parts(request, source, space)
    folder = RunFolder(request.folder.absolute())
    folder.claim(request, parts.data.problem)
    if is_finished(folder, request):
        return folder
    save_problem(parts.data, folder.data)
    with (
        Ledger.open(request.storage, folder.path) as ledger,
        make_executor(request.executor, parts.workers, device=request.device) as executor,
        Progress(parts.data.problem.metric) as progress,
    ):
        Run(parts, folder, ledger, executor, progress).finish()
    return folder


def is_finished(folder: RunFolder, request: Request) -> bool:
    """Whether results.json is there and answers this very request."""
    if not folder.results.exists():
        return False
    settings = read_json(folder.results)["settings"]
    return bool(settings["trials"] == request.trials and settings["minutes"] == request.minutes)


class Run:
    """One start of a run: its parts, its ledger, and the trainings in flight."""

    def __init__(self, parts: Parts, folder: RunFolder, ledger: Ledger, executor: Executor, progress: Progress) -> None:
        self.parts = parts
        self.request = parts.request
        self.problem = parts.data.problem
        self.folder = folder
        self.ledger = ledger
        self.executor = executor
        self.progress = progress
        self.clock = Clock(folder.path / "clock.json")
        self.table = CandidatesTable(folder.candidates, self.problem.metric)
        self.crew = Crew(executor, ledger, self.clock, progress.look, self._recorded)
        self.threads = threads_per_worker(executor.workers)

    def finish(self) -> None:
        """All stages, each continuing what an earlier start left."""
        for note in (*self.parts.data.notes, *self.ledger.notes):
            self.progress.say(note)
        lanes = self.search()
        left_out = self.train_finals(lanes)
        self.write_results(lanes, left_out)

    # Planning.

    @property
    def bound(self) -> str:
        """Names the plan: more minutes make another one, more trials go on with the same."""
        return "trials" if self.request.minutes is None else f"minutes={self.request.minutes:g}"

    @cached_property
    def planned(self) -> Planned:
        """What fits; decided once for a run and kept in the ledger."""
        stored = self.ledger.setting(f"plan {self.bound}")
        if stored is not None:
            return Planned.from_json(stored)
        if self.request.minutes is None:
            planned = planned_by_trials(self.request, self.parts.budget, self.problem.n_train)
        else:
            self.progress.say("measuring how long an epoch takes")
            planned = planned_by_minutes(
                self.request, self.parts.budget, self.problem.n_train, lambda: self.clock.seconds, self.executor, self._probes()
            )
        self.ledger.set_setting(f"plan {self.bound}", planned.to_json())
        return planned

    def _probes(self) -> dict[str, list[Job]]:
        rng = Random(f"{self.request.seed}/probe")
        sampled = [self.parts.space.sample(rng) for _ in range(PROBED_ARCHITECTURES)]
        probes = {"space": [self._probe(f"probe-space-{i}", architecture=a.to_json()) for i, a in enumerate(sampled)]}
        probes.update({name: [self._probe(f"probe-{name}", baseline=name)] for name in self.request.baselines})
        return probes

    def _probe(self, key: str, **subject: Any) -> Job:
        assert self.request.minutes is not None
        return Job(
            key=key,
            stage="probe",
            folder=str(self.folder.path / "trainings" / key),
            seed=self.request.seed,
            epochs=1.0,
            time_limit=max(LEAST_PROBE_SECONDS, PROBE_SHARE * 60 * self.request.minutes),
            **subject,
            **self._common,
        )

    # Jobs.

    @property
    def _common(self) -> dict[str, Any]:
        return {
            "data": str(self.folder.data),
            "recipe": settings_of(self.parts.recipe),
            "device": self.request.device,
            "threads": self.threads,
            "memory_limit": self.request.memory,
        }

    def job(self, row: Row) -> Job:
        """The training of a row: what the ledger says, within what the plan allows."""
        plan = self.planned.plan
        goal = {"final": plan.final_goal, "baseline": plan.baseline_goal}.get(row.stage)
        return Job(
            key=training_key(row),
            stage=row.stage,
            folder=str(self.folder.training_of(row)),
            seed=row.seed,
            epochs=row.epochs or 1.0,
            architecture=row.architecture.to_json() if row.architecture is not None else None,
            baseline=row.baseline,
            time_limit=self.request.timeout,
            epoch_seconds_limit=plan.epoch_limit if row.stage == "search" else None,
            time_goal=goal,
            least_epochs=min(plan.search_epochs, plan.final_epochs),
            **self._common,
        )

    def _recorded(self, row: Row) -> None:
        """After each result: the table and the terminal."""
        self.table.write(self.ledger.rows())
        self.progress.finished(row)

    # Stages.

    def search(self) -> list[Lane]:
        """The search of every strategy."""
        request, plan = self.request, self.planned.plan
        for skipped in self.planned.skipped:
            self.progress.say(f"left out: {skipped.name}: {skipped.reason}")
        lanes = []
        for name, strategy in self.parts.strategies.items():
            sized = sized_for_budget(strategy, plan.expected_trials)
            lanes.append(Lane(name, sized, self.parts.space, self.ledger, self.parts.objectives))
            if (told := limitations(sized, self.parts.space)) is not None:
                self.progress.say(f"{name}: {told}")
        deadline = self.planned.search_until
        of = request.trials * len(lanes) if request.trials is not None else None
        self.progress.phase("search", of, None if deadline is None else partial(self._seconds_until, deadline))
        limits = Limits(request.trials, deadline, lambda: self.clock.seconds)
        search(lanes, self.crew, self.job, limits, request.seed, plan.search_epochs)
        return lanes

    def _seconds_until(self, deadline: float) -> float:
        return deadline - self.clock.seconds

    def contenders(self, lanes: Sequence[Lane]) -> list[Contender]:
        """The best candidates of every strategy."""
        return [
            Contender("final", lane.name, row.key, row.architecture, row.number)
            for lane in lanes
            for row in best_candidates(lane, self.planned.plan.top_k)
        ]

    def baselines(self) -> list[Contender]:
        return [Contender("baseline", name, name) for name in self.planned.baselines]

    def train_finals(self, lanes: Sequence[Lane]) -> list[FinalTraining]:
        """The final trainings of the best candidates, then those of the baselines; returns those there was no time for."""
        plan = self.planned.plan
        stages: tuple[tuple[Stage, list[Contender], float | None], ...] = (
            ("final", self.contenders(lanes), self.planned.final_until),
            ("baseline", self.baselines(), None if self.request.minutes is None else 60 * self.request.minutes),
        )
        left_out = []
        for stage, contenders, until in stages:
            trainings = final_trainings(contenders, plan.seeds, self.request.seed)
            self.progress.phase(stage, len(trainings), None if until is None else partial(self._seconds_until, until))
            late = partial(self._late, until, plan.final_goal if stage == "final" else plan.baseline_goal)
            left_out += train_finally(trainings, self.bound, plan.final_epochs, self.crew, self.ledger, self.job, late)
        return left_out

    def _late(self, until: float | None, goal: float | None) -> bool:
        """Whether most of a training that began now would lie behind the end of its stage's time."""
        return until is not None and goal is not None and self.clock.seconds + goal / 2 > until

    # Results.

    def write_results(self, lanes: Sequence[Lane], left_out: Sequence[FinalTraining]) -> None:
        """model/ and, last of all, results.json: once it is there the run is finished."""
        methods = [method_of(lane.name, "search", self.contenders(lanes), self.ledger, self.bound) for lane in lanes]
        methods += [method_of(name, "baseline", self.baselines(), self.ledger, self.bound) for name in self.planned.baselines]
        as_json = [method_json(method, self.problem, self.ledger, self.threads, self.request.device) for method in methods]
        verdict = make_verdict(self.problem, as_json, {m.name: test_runs(m, self.folder) for m in methods})
        searched = best_on_validation(as_json, "search")
        if searched is not None:
            self._save_model(next(method for method in methods if method.name == searched["name"]))
        late = [Skipped(t.contender.method, f"seed {t.seed_index + 1}: no time was left for it") for t in left_out]
        skipped = [*self.planned.skipped, *failures(methods), *late]
        write_json(
            self.folder.results,
            {
                "problem": problem_json(self.problem),
                "methods": as_json,
                "verdict": dict(verdict),
                "test_accesses": len(read_accesses(self.folder.test_accesses)),
                "skipped": [{"name": s.name, "reason": s.reason} for s in skipped],
                "settings": self._settings(),
                "versions": versions(),
            },
        )

    def _save_model(self, method: Method) -> None:
        """model/: the run of the best searched network that validation chose."""
        row = method.best_run
        assert row.architecture is not None
        network = trained_network(self.job(row), self.problem)
        for note in save_model(self.folder.model, network, row.architecture, self.problem, self.parts.data.preprocessing):
            self.progress.say(note)

    def _settings(self) -> dict[str, Any]:
        request = self.request
        return {
            **request.fixed(),
            "trials": request.trials,
            "minutes": request.minutes,
            "workers": self.executor.workers,
            "executor": request.executor,
            "threads": self.threads,
            "plan": self.planned.plan.to_json(),
            "budget": settings_of(self.parts.budget),
            "recipe": settings_of(self.parts.recipe),
            "space_settings": settings_of(self.parts.space),
            "seconds": round(self.clock.seconds, 1),
        }
