"""One architecture trained from scratch: what `archwright train` and `archwright.train_architecture` do."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from archwright.architecture.architecture import Architecture
from archwright.data.arrays import Arrays
from archwright.data.problem import Problem, as_score
from archwright.data.problem_folder import save_problem
from archwright.errors import InputError, RunFolderError, UnknownSetting
from archwright.evaluate.full_training import trained_network
from archwright.evaluate.job import Job, Outcome
from archwright.execute import Resources, make_executor
from archwright.execute.executor import Executor
from archwright.export.model_folder import save_model
from archwright.ledger.json_file import read_json, write_json
from archwright.search_space import make_space
from archwright.settings import settings_of
from archwright.study.components import load_data
from archwright.study.request import Request
from archwright.study.run_folder import RunFolder, refuse_occupied
from archwright.study.time_plan import usual_epochs
from archwright.train.augmentation import augmentation_names
from archwright.train.recipe import recipe_for
from archwright.train.trained_model import TrainedModel


@dataclass(frozen=True, eq=False)
class Trained:
    """The result of `train_architecture`.

    `test`: the metric on the test split, and `model`: a plain module, raw inputs (B, *input_shape) -> (B, outputs), logits or
    targets in their own units; both None if the training was only validated. `folder`: where it is kept, if anywhere.
    """

    problem: Problem
    outcome: Outcome
    model: TrainedModel | None
    folder: Path | None

    @property
    def metrics(self) -> Mapping[str, float]:
        """The validation metrics of the best epoch."""
        return self.outcome.metrics

    @property
    def score(self) -> float:
        """The task's metric on the validation split, turned so that higher is better: what `Study.tell` takes."""
        return as_score(self.problem.metric, self.outcome.metrics[self.problem.metric])

    @property
    def test(self) -> float | None:
        return self.outcome.test


def train_architecture(
    architecture: Architecture | str | Path,
    data: str | Path | Arrays | tuple[Any, Any],
    *,
    out: str | Path | None = None,
    test: bool = True,
    **options: Any,
) -> Trained:
    """Train one architecture on the data from scratch with the final protocol; with `out`, an interrupted training is resumed.

    `architecture`: an object, or a file such as model/architecture.json. `out`: the folder that keeps the training and its
    `model/`; None keeps nothing. `test`: whether the test split is read at the end; without it, only validation is measured, as in
    a search. `options`: epochs, seed, device, devices, task, target, layout, level, window, timeout, memory, settings (`train.K`),
    as for `archwright.search`.
    Raises InputError if the architecture does not suit the data, or, with the cause, if the training does not succeed;
    RunFolderError if the folder holds something else.
    """
    request = Request.of(data, options)
    _check_settings(request)
    made = read_architecture(Path(architecture)) if not isinstance(architecture, Architecture) else architecture
    problem_data = load_data(request)
    problem = problem_data.problem
    _check_fit(made, problem, request)
    recipe = recipe_for(problem.n_train, request.settings_for("train"), problem.task)
    augmentation_names(recipe.augmentation, problem, inf)  # raises if they do not suit the data
    resources = Resources(request.devices, device=request.device, devices=request.devices)
    with ExitStack() as stack:
        executor = stack.enter_context(make_executor("processes", resources))
        path = Path(out) if out is not None else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="archwright-")))
        folder = RunFolder(path.absolute())
        job = Job(
            key="training",
            stage="final" if test else "search",
            data=str(folder.data),
            folder=str(folder.path / "training"),
            seed=request.seed,
            epochs=float(request.epochs or usual_epochs(problem.n_train)),
            architecture=made.to_json(),
            recipe=settings_of(recipe),
            device=request.device,
            devices=request.devices,
            threads=executor.threads,
            time_limit=request.timeout,
            memory_limit=request.memory,
        )
        if out is not None:
            _claim(folder, request, made, problem)
        save_problem(problem_data, folder.data)
        outcome = _run(job, executor)
        if outcome.state != "complete":
            kept = f" (the log is in {job.folder})" if out is not None else ""
            raise InputError(f"no network was trained: {outcome.cause}{kept}")
        model = None
        if test:
            network = trained_network(job, problem)
            if out is not None:
                save_model(folder.model, network, made, problem, problem_data.preprocessing)
            model = TrainedModel(network, problem, problem_data.preprocessing).eval()
        return Trained(problem, outcome, model, folder.path if out is not None else None)


def read_architecture(file: Path) -> Architecture:
    """The architecture in a JSON file, such as model/architecture.json. Raises InputError if there is none."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read as JSON ({error}): give the architecture.json of a model folder") from error
    if not isinstance(content, dict):
        raise InputError(f"{file} holds no architecture: give the architecture.json of a model folder")
    return Architecture.from_json(content)


def _check_fit(architecture: Architecture, problem: Problem, request: Request) -> None:
    """Raises InputError if the architecture is not one of its space, or its space was not made for such data."""
    space = make_space(architecture.space, architecture.settings)
    space.describe(architecture)
    needed = space.for_problem(problem)
    if needed != space:
        settings = settings_of(needed)
        differences = ", ".join(
            f"{key} is {value} and must be {settings[key]}" for key, value in settings_of(space).items() if value != settings[key]
        )
        raise InputError(
            f"the architecture was made for other data than {request.source_name} ({differences}): search on these data, or give "
            "them to the study that proposes it"
        )


def _claim(folder: RunFolder, request: Request, architecture: Architecture, problem: Problem) -> None:
    """Begin a training in the folder, or continue the same training. Raises RunFolderError if it holds something else."""
    file = folder.path / "train.json"
    asked = {**request.fixed(), "architecture": architecture.to_json(), "data_hash": problem.data_hash, "epochs": request.epochs}
    asked = json.loads(json.dumps(asked))
    if not file.exists():
        refuse_occupied(folder.path, "training")
        folder.path.mkdir(parents=True, exist_ok=True)
        write_json(file, asked)
    elif read_json(file) != asked:
        raise RunFolderError(f"{folder.path} holds another training: give another folder with --out")


def _check_settings(request: Request) -> None:
    for key in request.settings:
        if not key.startswith("train."):
            raise UnknownSetting(f"--set {key}: begin the key with train. (the space's settings are in the architecture)")


def _run(job: Job, executor: Executor) -> Outcome:
    executor.submit(job)
    while True:
        for _, outcome in executor.wait(1.0):
            return outcome
