"""One run from the data to results.json: plan, search, final trainings, baselines, verdict, model."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from random import Random
from statistics import mean
from typing import Any

import torch

from archwright.cost.parameters import parameter_count
from archwright.data.problem_folder import save_problem
from archwright.data.sources import Source
from archwright.evaluate.full_training import CHECKPOINT, device_of, trained_network
from archwright.evaluate.job import Job, Stage
from archwright.execute import make_executor
from archwright.execute.capacity import check_devices
from archwright.execute.executor import Executor
from archwright.export.model_folder import save_model
from archwright.ledger.json_file import read_json, write_json
from archwright.ledger.ledger import LOOK_EVERY_S, Ledger
from archwright.ledger.row import Row
from archwright.ledger.storage import check_storage, without_password
from archwright.network.baselines import is_network
from archwright.search_strategy import MultiFidelityStrategy, Strategy, limitations, searched_space, sized_for_budget
from archwright.settings import settings_of
from archwright.statistics.verdict import best_on_validation, make_verdict
from archwright.study.candidates_table import CandidatesTable
from archwright.study.components import Components, make_components
from archwright.study.final_trainings import Contender, FinalTraining, final_trainings, train_finally
from archwright.study.one_shot_results import failed_supernets, one_shot_json
from archwright.study.progress import Progress
from archwright.study.request import Request
from archwright.study.results import Method, failures, method_json, method_of, problem_json, read_accesses, test_runs, versions
from archwright.study.run_folder import Clock, RunFolder, training_key
from archwright.study.scheduler import Scheduler
from archwright.study.search_loop import SearchLimits, StrategyRun, best_candidates, search
from archwright.study.shared_run import check_study, home_of
from archwright.study.shared_weight_scores import architectures_of, score_with_shared_weights
from archwright.study.study_plan import (
    FINAL,
    LEAST_PROBE_SECONDS,
    PROBE_SHARE,
    PROBED_ARCHITECTURES,
    Skipped,
    StudyPlan,
    study_plan_by_minutes,
    study_plan_by_trials,
)
from archwright.study.supernet_search import KEY, SupernetSearch
from archwright.study.time_plan import LEAST_SEARCH_EPOCHS, MULTI_FIDELITY_FACTOR
from archwright.study.utilization import idle_shares, store_utilization

ON_SEVERAL_DEVICES = ("final", "baseline", "supernet")
"""Stages with few, long trainings, each of which may use several devices."""
SIZED_ARCHITECTURES = 20
"""Sampled networks of the space whose mean size is given to a text baseline."""


def run_study(request: Request, source: Source | None = None) -> RunFolder:
    """Carry out the request, or what is left of it, and write everything except the report. Returns the run folder.

    If the run began elsewhere (`Request.study`), only its search is joined, and no results are written here.
    """
    check_study(request)
    components = make_components(request, source)
    request = components.request
    folder = RunFolder(request.folder.absolute())
    folder.check(request, components.data.problem)
    if is_finished(folder, request):
        return folder
    with (
        make_executor(request.executor, components.resources) as executor,
        Progress(components.data.problem.metric) as progress,
    ):
        check_devices(request.devices, executor.workers)
        check_storage(request.storage, folder.path)
        folder.claim(request, components.data.problem)
        with Ledger.open(request.storage, folder.path, folder.run_id) as ledger:
            folder.extend(request)
            home = home_of(ledger, folder, request, components.data.problem)
            save_problem(components.data, folder.data)
            run = Run(components, folder, ledger, executor, progress)
            if home is None:
                run.finish()
            else:
                run.take_part(home)
    return folder


def is_finished(folder: RunFolder, request: Request) -> bool:
    """Whether results.json exists and was written with the same trials and minutes."""
    if not folder.results.exists():
        return False
    settings = read_json(folder.results)["settings"]
    return bool(settings["trials"] == request.trials and settings["minutes"] == request.minutes)


class Run:
    """One start of a run: its components, its ledger, and the trainings in flight."""

    def __init__(self, components: Components, folder: RunFolder, ledger: Ledger, executor: Executor, progress: Progress) -> None:
        self.components = components
        self.request = components.request
        self.problem = components.data.problem
        self.folder = folder
        self.ledger = ledger
        self.executor = executor
        self.progress = progress
        self.clock = Clock(folder.path / "clock.json")
        self.table = CandidatesTable(folder.candidates, self.problem.metric)
        self.scheduler = Scheduler(executor, ledger, self.clock, self._on_poll, self._on_recorded)
        self.threads = executor.threads

    def finish(self) -> None:
        """Run all stages, each resuming what an earlier start left unfinished."""
        self._begin()
        strategy_runs = self.search()
        self.score_with_shared_weights(strategy_runs)
        left_out = self.train_finals(strategy_runs)
        while self.ledger.others_work():
            time.sleep(LOOK_EVERY_S)
        while not is_finished(self.folder, self.request):  # unless another coordinator has written them
            if self.ledger.claim("results"):
                self.write_results(strategy_runs, left_out)
                return
            time.sleep(LOOK_EVERY_S)

    def take_part(self, home: str) -> None:
        """Take part in the search of a run whose home is elsewhere."""
        self._begin()
        self.progress.say(f"study {self.ledger.run_id} was begun in {home}: this machine takes part in its search")
        self.search()
        self.progress.say(f"the search is finished; {home} runs the final trainings and writes the report")

    def _begin(self) -> None:
        for note in (*self.components.data.notes, *self.ledger.notes):
            self.progress.say(note)
        self._write_table()

    # Planning.

    @property
    def bound(self) -> str:
        """The plan's name: other minutes need a new plan, whereas more trials keep the same one."""
        return "trials" if self.request.minutes is None else f"minutes={self.request.minutes:g}"

    @cached_property
    def study_plan(self) -> StudyPlan:
        """What fits into the budget: decided once per run and stored in the ledger."""
        stored = self.ledger.setting(f"plan {self.bound}")
        if stored is not None:
            return StudyPlan.from_json(stored)
        if self.request.minutes is None:
            study_plan = study_plan_by_trials(self.request, self.components.budget, self.problem.n_train)
        else:
            self.progress.say("measuring the time per epoch")
            study_plan = study_plan_by_minutes(
                self.request,
                self.components.budget,
                self.problem.n_train,
                lambda: self.clock.seconds,
                self.executor,
                self._probes(),
            )
        return StudyPlan.from_json(self.ledger.settle(f"plan {self.bound}", study_plan.to_json()))

    def _probes(self) -> dict[str, list[Job]]:
        rng = Random(f"{self.request.seed}/probe")
        sampled = [self.components.space.sample(rng) for _ in range(PROBED_ARCHITECTURES)]
        probes = {"space": [self._probe(f"probe-space-{i}", architecture=a.to_json()) for i, a in enumerate(sampled)]}
        if self.request.devices > 1:
            probes[FINAL] = [self._probe(f"probe-final-{i}", FINAL, architecture=a.to_json()) for i, a in enumerate(sampled)]
        for name in self.request.baselines or ():
            probes[name] = [self._probe(f"probe-{name}", "baseline", **self._baseline(name))]
        return probes

    def _probe(self, key: str, measured_stage: Stage = "search", **subject: Any) -> Job:
        """A job that measures the time per epoch. `measured_stage`: the stage whose trainings it stands for."""
        assert self.request.minutes is not None
        return Job(
            key=key,
            stage="probe",
            folder=str(self.folder.path / "trainings" / key),
            seed=self.request.seed,
            epochs=1.0,
            devices=self._devices(measured_stage, subject.get("baseline")),
            time_limit=max(LEAST_PROBE_SECONDS, PROBE_SHARE * 60 * self.request.minutes),
            **subject,
            **self._common,
        )

    # Jobs.

    @property
    def _common(self) -> dict[str, Any]:
        return {
            "data": str(self.folder.data),
            "recipe": settings_of(self.components.recipe),
            "device": self.request.device,
            "threads": self.threads,
            "memory_limit": self.request.memory,
        }

    def job(self, row: Row) -> Job:
        """The job of a row: what the ledger says, within the limits of the plan."""
        plan = self.study_plan.plan
        full_epochs = plan.search_epochs if row.stage == "search" else row.epochs or 1.0
        return Job(
            key=training_key(row),
            stage=row.stage,
            folder=str(self.folder.training_of(row)),
            seed=row.seed,
            epochs=full_epochs,
            share=(row.epochs or full_epochs) / full_epochs,
            continues=self._continued(row),
            architecture=row.architecture.to_json() if row.architecture is not None else None,
            **self._baseline(row.baseline),
            supernet=self._supernet_of(row),
            devices=self._devices(row.stage, row.baseline),
            time_limit=self.request.timeout,
            epoch_seconds_limit=self._epoch_limit(row),
            time_goal=self._goal(row),
            least_epochs=LEAST_SEARCH_EPOCHS if row.stage in ("search", "supernet") else 1.0,
            **self._common,
        )

    def _epoch_limit(self, row: Row) -> float | None:
        """Slow candidates are refused, except those derived from a supernet, whose training would have been wasted."""
        return self.study_plan.plan.epoch_limit if row.stage == "search" and row.strategy not in self.components.one_shot else None

    def _baseline(self, name: str | None) -> dict[str, Any]:
        """The fields of a job that describe a baseline; a text baseline is made as large as the searched networks."""
        if name is None or self.problem.level is None:
            return {"baseline": name}
        return {"baseline": name, "baseline_parameters": self._mean_parameters}

    @cached_property
    def _mean_parameters(self) -> int:
        """The mean number of parameters of some sampled networks of the space."""
        space, rng = self.components.space, Random(f"{self.request.seed}/size")
        with torch.device("meta"):
            networks = [space.network(space.sample(rng), self.problem) for _ in range(SIZED_ARCHITECTURES)]
        return round(mean(map(parameter_count, networks)))

    def _continued(self, row: Row) -> str | None:
        """The folder of the training that this one continues."""
        shorter = self.ledger.searched(row.strategy, row.continues) if row.continues is not None else None
        return str(self.folder.training_of(shorter)) if shorter is not None else None

    def _devices(self, stage: Stage, baseline: str | None) -> int:
        """The devices that a training of this stage uses; a classical model is fitted in one process."""
        fitted = baseline is not None and not is_network(baseline)
        return self.request.devices if stage in ON_SEVERAL_DEVICES and not fitted else 1

    def _goal(self, row: Row) -> float | None:
        """Seconds that the (full) training aims to fill; None if its epochs are fixed."""
        seconds = self._worker_seconds(row)
        return None if seconds is None else seconds / self._devices(row.stage, row.baseline)

    def _worker_seconds(self, row: Row) -> float | None:
        plan = self.study_plan.plan
        if row.stage == "search" and plan.search_goal is not None and self._has_fidelities(row.strategy):
            return MULTI_FIDELITY_FACTOR * plan.search_goal
        if row.stage == "supernet":
            return plan.supernet_goal if self.components.one_shot[row.strategy].epochs is None else None
        goals = {"search": plan.search_goal, "final": plan.final_goal, "baseline": plan.baseline_goal}
        return goals.get(row.stage, plan.scoring_goal)

    def _supernet_of(self, row: Row) -> dict[str, Any] | None:
        """The description of the supernet that a job trains or scores candidates with; None for other jobs."""
        if row.stage not in ("supernet", "shared_scores"):
            return None
        space, method = self.components.space, self.components.one_shot[row.strategy]
        supernet = {
            "space": space.reference,
            "space_settings": settings_of(space),
            "method": row.strategy,
            "method_settings": settings_of(method),
        }
        if row.stage == "supernet":
            return supernet
        trained = self.ledger.first_with_key("supernet", row.strategy, KEY)
        assert trained is not None
        architectures = [architecture.to_json() for architecture in architectures_of(row, self.ledger)]
        return {**supernet, "trained": str(self.folder.training_of(trained)), "architectures": architectures}

    def _on_recorded(self, row: Row) -> None:
        """After each result, update the table and the terminal."""
        self.table.is_behind = True
        self._write_table_if_due()
        self.progress.finished(row)

    def _on_poll(self, scheduler: Scheduler) -> None:
        """While trainings run, update the table and the terminal regularly."""
        self._write_table_if_due()
        self.progress.refresh(scheduler)

    def _write_table_if_due(self) -> None:
        if self.table.is_due:
            self._write_table()

    def _write_table(self) -> None:
        self.table.write(self.ledger.rows())

    # Stages.

    def search(self) -> list[StrategyRun]:
        """Run the search of every strategy."""
        request, plan = self.request, self.study_plan.plan
        for skipped in self.study_plan.skipped:
            self.progress.say(f"left out: {skipped.name}: {skipped.reason}")
        strategy_runs = [self._strategy_run(name, plan.search_epochs) for name in request.all_strategies]
        deadline = self.study_plan.search_until
        self.progress.phase(
            "search", self._trainings_of_search(), None if deadline is None else partial(self._seconds_until, deadline)
        )
        limits = SearchLimits(request.trials, deadline, lambda: self.clock.seconds)
        with self._measuring_utilization("search"):
            search(strategy_runs, self.scheduler, self.job, limits, request.seed)
        self._delete_checkpoints()
        self._write_table()
        return strategy_runs

    def _trainings_of_search(self) -> int | None:
        """The number of candidates that will be trained at most, if known; a one-shot method derives a fixed number of them."""
        trials = self.request.trials
        if trials is None or any(map(self._has_fidelities, self.components.strategies)):
            return None
        derived = [method.derived_candidates for method in self.components.one_shot.values()]
        return trials * len(self.components.strategies) + sum(min(trials, count) for count in derived)

    def _strategy_run(self, name: str, epochs: float) -> StrategyRun:
        strategy = self._strategy(name)
        space = searched_space(strategy, self.components.space)
        return StrategyRun(name, strategy, space, self.ledger, self.components.objectives, epochs)

    def _has_fidelities(self, name: str) -> bool:
        return isinstance(self.components.strategies.get(name), MultiFidelityStrategy)

    def _delete_checkpoints(self) -> None:
        """No training will be continued from here; if the run is given more trials, such a training starts from scratch."""
        rows = self.ledger.rows("search")
        if not any(row.state == "running" for row in rows):  # by another coordinator
            for row in rows:
                (self.folder.training_of(row) / CHECKPOINT).unlink(missing_ok=True)

    def _strategy(self, name: str) -> Strategy:
        """The strategy, with its sizes chosen for the budget; reports if it cannot model all of the space."""
        plan = self.study_plan.plan
        if name in self.components.one_shot:
            return SupernetSearch(name, self.ledger, float(self.components.one_shot[name].epochs or plan.supernet_epochs or 1))
        expected = plan.expected_trials
        if expected is not None and plan.search_goal is not None and self._has_fidelities(name):
            expected = max(1, expected // MULTI_FIDELITY_FACTOR)
        sized = sized_for_budget(self.components.strategies[name], expected)
        if (limitation := limitations(sized, self.components.space)) is not None:
            self.progress.say(limitation)
        return sized

    def score_with_shared_weights(self, strategy_runs: Sequence[StrategyRun]) -> None:
        """Score candidates trained from scratch with each supernet's weights as well, to measure how reliable such scores are."""
        searches = [
            strategy_run.supernet
            for strategy_run in strategy_runs
            if strategy_run.supernet is not None and strategy_run.supernet.found
        ]
        if searches:
            self.progress.phase("scoring with shared weights", len(searches))
            in_same_space = [strategy_run.name for strategy_run in strategy_runs if strategy_run.space == self.components.space]
            score_with_shared_weights(searches, self.ledger, self.scheduler, self.job, self.request.seed, in_same_space)

    def _seconds_until(self, deadline: float) -> float:
        return deadline - self.clock.seconds

    def contenders(self, strategy_runs: Sequence[StrategyRun]) -> list[Contender]:
        """The best candidates of every strategy."""
        return [
            Contender("final", strategy_run.name, row.key, row.architecture, row.number)
            for strategy_run in strategy_runs
            for row in best_candidates(strategy_run, self.study_plan.plan.top_k)
        ]

    def baselines(self) -> list[Contender]:
        return [Contender("baseline", name, name) for name in self.study_plan.baselines]

    def train_finals(self, strategy_runs: Sequence[StrategyRun]) -> list[FinalTraining]:
        """Run the final trainings of the best candidates, then of the baselines; returns those for which no time was left."""
        plan = self.study_plan.plan
        stages: tuple[tuple[Stage, list[Contender], float | None], ...] = (
            ("final", self.contenders(strategy_runs), self.study_plan.final_until),
            ("baseline", self.baselines(), None if self.request.minutes is None else 60 * self.request.minutes),
        )
        left_out = []
        for stage, contenders, until in stages:
            trainings = final_trainings(contenders, plan.seeds, self.request.seed)
            self.progress.phase(stage, len(trainings), None if until is None else partial(self._seconds_until, until))
            goal = plan.final_goal if stage == "final" else plan.baseline_goal
            late = partial(self._late, until, None if goal is None else goal / self._devices(stage, None))
            with self._measuring_utilization(stage):
                left_out += train_finally(trainings, self.bound, plan.final_epochs, self.scheduler, self.ledger, self.job, late)
            self._write_table()
        return left_out

    @contextmanager
    def _measuring_utilization(self, stage: str) -> Iterator[None]:
        """Measure how busy the workers are in a stage, and report it at the end."""
        utilization = self.scheduler.count_from_now()
        yield
        if utilization.trainings:
            store_utilization(stage, utilization, self.ledger)
            self.progress.say(f"{stage}: workers were idle for {utilization.idle_share:.0%} of the time")

    def _late(self, until: float | None, goal: float | None) -> bool:
        """Whether more than half of a training that began now would exceed its stage's time."""
        return until is not None and goal is not None and self.clock.seconds + goal / 2 > until

    # Results.

    def write_results(self, strategy_runs: Sequence[StrategyRun], left_out: Sequence[FinalTraining]) -> None:
        """Write model/ and, last of all, results.json, which marks the run as finished."""
        metric = self.problem.metric
        methods = [
            method_of(strategy_run.name, "search", metric, self.contenders(strategy_runs), self.ledger, self.bound)
            for strategy_run in strategy_runs
        ]
        methods += [
            method_of(name, "baseline", metric, self.baselines(), self.ledger, self.bound) for name in self.study_plan.baselines
        ]
        supernets = {
            strategy_run.name: strategy_run.supernet for strategy_run in strategy_runs if strategy_run.supernet is not None
        }
        as_json = [self._method_json(method, supernets.get(method.name)) for method in methods]
        verdict = make_verdict(self.problem, as_json, {m.name: test_runs(m, self.folder) for m in methods})
        searched = best_on_validation(as_json, "search")
        if searched is not None:
            self._save_model(next(method for method in methods if method.name == searched["name"]))
        late = [Skipped(t.contender.method, f"seed {t.seed_index + 1}: no time was left for its training") for t in left_out]
        skipped = [*self.study_plan.skipped, *failed_supernets(supernets.values()), *failures(methods), *late]
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

    def _method_json(self, method: Method, supernet: SupernetSearch | None) -> dict[str, Any]:
        """The entry for a method in results.json; a one-shot method has an additional one."""
        as_json = method_json(method, self.problem, self.ledger, self.threads, str(device_of(self.request.device)))
        if supernet is None:
            return as_json
        return {
            **as_json,
            "one_shot": one_shot_json(supernet, self.components.space, self.problem.metric, self.ledger, self.folder),
        }

    def _save_model(self, method: Method) -> None:
        """Write model/: the best run, by validation, of the best searched network."""
        row = method.best_run
        assert row.architecture is not None
        network = trained_network(self.job(row), self.problem)
        for note in save_model(self.folder.model, network, row.architecture, self.problem, self.components.data.preprocessing):
            self.progress.say(note)

    def _settings(self) -> dict[str, Any]:
        request = self.request
        return {
            **request.fixed(),
            "storage": without_password(request.storage),
            "trials": request.trials,
            "minutes": request.minutes,
            "workers": self.executor.workers,
            "executor": request.executor,
            "address": request.address,
            "cpus": request.cpus,
            "gpus": request.gpus,
            "devices": request.devices,
            "threads": self.threads,
            "plan": self.study_plan.plan.to_json(),
            "budget": settings_of(self.components.budget),
            "recipe": settings_of(self.components.recipe),
            "space_settings": settings_of(self.components.space),
            "seconds": round(self.clock.seconds, 1),
            "idle": {stage: round(share, 4) for stage, share in idle_shares(self.ledger).items()},
        }
