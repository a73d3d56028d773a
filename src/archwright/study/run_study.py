"""One run from the data to results.json: plan, search, final trainings, baselines, verdict, model."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any

from archwright.data.problem_folder import save_problem
from archwright.evaluate.full_training import device_of, trained_network
from archwright.evaluate.job import CHECKPOINT, Job, Stage
from archwright.execute import make_executor
from archwright.execute.capacity import check_devices
from archwright.execute.executor import Executor
from archwright.export.model_folder import save_model
from archwright.ledger.json_file import read_json, write_json
from archwright.ledger.ledger import LOOK_EVERY_S, Ledger
from archwright.ledger.row import Row
from archwright.ledger.storage import check_storage, without_password
from archwright.search_strategy import MultiFidelityStrategy, Strategy, limitations, searched_space, sized_for_budget
from archwright.settings import settings_of
from archwright.statistics.verdict import best_on_validation, make_verdict
from archwright.study.candidates_table import CandidatesTable
from archwright.study.components import Components, make_components
from archwright.study.epoch_times import measure_epochs
from archwright.study.final_trainings import Contender, FinalTraining, final_trainings, train_finally
from archwright.study.jobs import Jobs
from archwright.study.one_shot_results import failed_supernets, one_shot_json
from archwright.study.progress import Progress
from archwright.study.request import Request
from archwright.study.results import Method, failures, method_json, method_of, problem_json, read_accesses, test_runs, versions
from archwright.study.run_folder import Clock, RunFolder
from archwright.study.scheduler import Scheduler
from archwright.study.search_loop import search
from archwright.study.shared_run import check_study, home_of
from archwright.study.shared_weight_scores import score_with_shared_weights
from archwright.study.strategy_run import StrategyRun, best_candidates
from archwright.study.supernet_search import SupernetSearch
from archwright.study.time_plan import Skipped, TimePlan, plan_by_minutes, plan_by_trials
from archwright.study.utilization import idle_shares, store_utilization


def run_study(request: Request) -> RunFolder:
    """Carry out the request, or what is left of it, and write everything except the report. Returns the run folder.

    If the run began elsewhere (`Request.study`), only its search is joined, and no results are written here.
    """
    check_study(request)
    components = make_components(request)
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
        self.scheduler = Scheduler(executor, ledger, self.clock, self._on_poll)
        self.jobs = Jobs(components, folder, ledger, executor.threads)
        ledger.on_finish = self._on_finish

    def finish(self) -> None:
        """Run all stages, each resuming what an earlier start left unfinished."""
        self._begin()
        strategy_runs = self.search()
        self.score_with_shared_weights(strategy_runs)
        left_out = self.train_finals(strategy_runs)
        while self.ledger.others_are_working():
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
        self.table.write(self.ledger.rows())

    def _on_finish(self, row: Row) -> None:
        """After each result, update the table and the terminal."""
        self.table.is_behind = True
        self.table.write_if_due(self.ledger.rows)
        self.progress.finished(row)

    def _on_poll(self, scheduler: Scheduler) -> None:
        """While trainings run, update the table and the terminal regularly."""
        self.table.write_if_due(self.ledger.rows)
        self.progress.refresh(scheduler)

    # The plan.

    @property
    def bound(self) -> str:
        """The plan's name: other minutes need a new plan, whereas more trials keep the same one."""
        return "trials" if self.request.minutes is None else f"minutes={self.request.minutes:g}"

    @cached_property
    def plan(self) -> TimePlan:
        """What fits into the budget: decided once per run and stored in the ledger."""
        name = f"plan {self.bound}"
        stored = self.ledger.setting(name)
        if stored is None:
            stored = self.ledger.set_default(name, self._make_plan().to_json())
        return TimePlan.from_json(stored)

    def _make_plan(self) -> TimePlan:
        budget, n_train = self.components.budget, self.problem.n_train
        if self.request.minutes is None:
            return plan_by_trials(self.request, budget, n_train)
        self.progress.say("measuring the time per epoch")
        measured = measure_epochs(self.executor, self.jobs.probes())
        return plan_by_minutes(self.request, budget, n_train, self.executor.workers, measured, self.clock.seconds)

    def _job(self, row: Row) -> Job:
        return self.jobs.of(row, self.plan)

    # Stages.

    def search(self) -> list[StrategyRun]:
        """Run the search of every strategy."""
        plan = self.plan
        for skipped in plan.skipped:
            self.progress.say(f"left out: {skipped.name}: {skipped.reason}")
        strategy_runs = [self._strategy_run(name) for name in self.request.all_strategies]
        self.progress.phase("search", self._trainings_of_search(), self._time_left(plan.search_until))
        with self._measuring_utilization("search"):
            search(strategy_runs, self.scheduler, self._job, plan.search_until)
        self._delete_checkpoints()
        self.table.write(self.ledger.rows())
        return strategy_runs

    def _trainings_of_search(self) -> int | None:
        """The number of candidates that will be trained at most, if known; a one-shot method derives a fixed number of them."""
        trials, strategies = self.request.trials, self.components.strategies
        if trials is None or any(isinstance(strategy, MultiFidelityStrategy) for strategy in strategies.values()):
            return None
        derived = [method.derived_candidates for method in self.components.one_shot.values()]
        return trials * len(strategies) + sum(min(trials, count) for count in derived)

    def _strategy_run(self, name: str) -> StrategyRun:
        strategy, components = self._strategy(name), self.components
        space = searched_space(strategy, components.space)
        return StrategyRun(
            name,
            strategy,
            space,
            self.ledger,
            components.objectives,
            self.plan.search_epochs,
            self.request.seed,
            self.request.trials,
        )

    def _strategy(self, name: str) -> Strategy:
        """The strategy, with its sizes chosen for the budget; reports if it cannot model all of the space."""
        if name in self.components.one_shot:
            epochs = self.components.one_shot[name].epochs or self.plan.supernet_epochs or 1
            return SupernetSearch(name, self.ledger, float(epochs))
        strategy = self.components.strategies[name]
        trainings = self.plan.expected_trainings(multi_fidelity=isinstance(strategy, MultiFidelityStrategy))
        sized = sized_for_budget(strategy, trainings)
        if (limitation := limitations(sized, self.components.space)) is not None:
            self.progress.say(limitation)
        return sized

    def _delete_checkpoints(self) -> None:
        """No training will be continued from here; if the run is given more trials, such a training starts from scratch."""
        rows = self.ledger.rows("search")
        if not any(row.state == "running" for row in rows):  # by another coordinator
            for row in rows:
                (self.folder.training_of(row) / CHECKPOINT).unlink(missing_ok=True)

    def score_with_shared_weights(self, strategy_runs: Sequence[StrategyRun]) -> None:
        """Score candidates trained from scratch with each supernet's weights as well, to measure how reliable such scores are."""
        searches = [run.supernet for run in strategy_runs if run.supernet is not None and run.supernet.found]
        if searches:
            self.progress.phase("scoring with shared weights", len(searches))
            in_same_space = [run.name for run in strategy_runs if run.space == self.components.space]
            score_with_shared_weights(searches, self.ledger, self.scheduler, self._job, self.request.seed, in_same_space)

    def contenders(self, strategy_runs: Sequence[StrategyRun]) -> list[Contender]:
        """The best candidates of every strategy."""
        return [
            Contender("final", run.name, row.key, row.architecture, row.number)
            for run in strategy_runs
            for row in best_candidates(run, self.plan.top_k)
        ]

    def baselines(self) -> list[Contender]:
        return [Contender("baseline", name, name) for name in self.plan.baselines]

    def train_finals(self, strategy_runs: Sequence[StrategyRun]) -> list[FinalTraining]:
        """Run the final trainings of the best candidates, then of the baselines; returns those for which no time was left."""
        plan = self.plan
        stages: tuple[tuple[Stage, list[Contender], float | None], ...] = (
            ("final", self.contenders(strategy_runs), plan.final_until),
            ("baseline", self.baselines(), self.request.seconds),
        )
        left_out = []
        for stage, contenders, until in stages:
            trainings = final_trainings(contenders, plan.seeds, self.request.seed)
            self.progress.phase(stage, len(trainings), self._time_left(until))
            late = partial(self._late, until, plan.seconds(stage, self.jobs.devices(stage)))
            with self._measuring_utilization(stage):
                left_out += train_finally(trainings, self.bound, plan.final_epochs, self.scheduler, self.ledger, self._job, late)
            self.table.write(self.ledger.rows())
        return left_out

    @contextmanager
    def _measuring_utilization(self, stage: str) -> Iterator[None]:
        """Measure how busy the workers are in a stage, and report it at the end."""
        utilization = self.scheduler.count_from_now()
        yield
        if utilization.trainings:
            store_utilization(stage, utilization, self.ledger)
            self.progress.say(f"{stage}: workers were idle for {utilization.idle_share:.0%} of the time")

    def _time_left(self, until: float | None) -> partial[float] | None:
        return None if until is None else partial(lambda end: end - self.clock.seconds, until)

    def _late(self, until: float | None, seconds: float | None) -> bool:
        """Whether more than half of a training that began now would exceed its stage's time."""
        return until is not None and seconds is not None and self.clock.seconds + seconds / 2 > until

    # Results.

    def write_results(self, strategy_runs: Sequence[StrategyRun], left_out: Sequence[FinalTraining]) -> None:
        """Write model/ and, last of all, results.json, which marks the run as finished."""
        contenders = {"search": self.contenders(strategy_runs), "baseline": self.baselines()}
        names = [*(("search", run.name) for run in strategy_runs), *(("baseline", name) for name in self.plan.baselines)]
        methods = [method_of(name, kind, self.problem.metric, contenders[kind], self.ledger, self.bound) for kind, name in names]
        supernets = {run.name: run.supernet for run in strategy_runs if run.supernet is not None}
        as_json = [self._method_json(method, supernets.get(method.name)) for method in methods]
        verdict = make_verdict(self.problem, as_json, {m.name: test_runs(m, self.folder) for m in methods})
        searched = best_on_validation(as_json, "search")
        if searched is not None:
            self._save_model(next(method for method in methods if method.name == searched["name"]))
        late = [Skipped(t.contender.method, f"seed {t.seed_index + 1}: no time was left for its training") for t in left_out]
        skipped: list[Skipped] = [*self.plan.skipped, *failed_supernets(supernets.values()), *failures(methods), *late]
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
        device = str(device_of(self.request.device))
        as_json = method_json(method, self.problem, self.ledger, self.executor.threads, device)
        if supernet is None:
            return as_json
        one_shot = one_shot_json(supernet, self.components.space, self.problem.metric, self.ledger, self.folder)
        return {**as_json, "one_shot": one_shot}

    def _save_model(self, method: Method) -> None:
        """Write model/: the best run, by validation, of the best searched network."""
        row = method.best_run
        assert row.architecture is not None
        network = trained_network(self._job(row), self.problem)
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
            "threads": self.executor.threads,
            "plan": self.plan.limits,
            "budget": settings_of(self.components.budget),
            "recipe": settings_of(self.components.recipe),
            "space_settings": settings_of(self.components.space),
            "seconds": round(self.clock.seconds, 1),
            "idle": {stage: round(share, 4) for stage, share in idle_shares(self.ledger).items()},
        }
