"""One architecture trained from scratch with the final protocol: what `archwright train` does."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

from archwright.architecture.architecture import Architecture
from archwright.data.problem import Problem
from archwright.data.problem_folder import save_problem
from archwright.data.splits import ProblemData
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
from archwright.study.run_folder import RunFolder
from archwright.study.time_plan import usual_epochs
from archwright.train.augmentation import augmentation_names
from archwright.train.recipe import recipe_for


@dataclass(frozen=True)
class Trained:
    """The result of `train_architecture`, and the folder that holds it."""

    problem: Problem
    outcome: Outcome
    folder: Path


def train_architecture(request: Request, architecture_file: Path) -> Trained:
    """Train the architecture in a JSON file on the request's data, and save it as `model/` in the request's folder.

    An interrupted training is resumed. Raises InputError if the file does not hold an architecture of a known space that suits the
    data, or, with the cause, if the training does not succeed; RunFolderError if the folder holds something else.
    """
    _check_settings(request)
    architecture = read_architecture(architecture_file)
    space = make_space(architecture.space, architecture.settings)
    space.describe(architecture)
    data = load_data(request)
    recipe = recipe_for(data.problem.n_train, request.settings_for("train"), data.problem.task)
    augmentation_names(recipe.augmentation, data.problem, inf)  # raises if they do not suit the data
    if space.for_problem(data.problem) != space:
        needed = settings_of(space.for_problem(data.problem))
        differences = ", ".join(
            f"{key} is {value} and must be {needed[key]}" for key, value in settings_of(space).items() if value != needed[key]
        )
        raise InputError(
            f"{architecture_file} was made for other data than {request.source} ({differences}): run a new search on these data"
        )
    folder = RunFolder(request.folder.absolute())
    job = Job(
        key="training",
        stage="final",
        data=str(folder.data),
        folder=str(folder.path / "training"),
        seed=request.seed,
        epochs=float(request.epochs or usual_epochs(data.problem.n_train)),
        architecture=architecture.to_json(),
        recipe=settings_of(recipe),
        device=request.device,
        devices=request.devices,
        time_limit=request.timeout,
        memory_limit=request.memory,
    )
    with make_executor("processes", Resources(request.devices, device=request.device, devices=request.devices)) as executor:
        job = replace(job, threads=executor.threads)
        _claim(folder, request, architecture, data)
        save_problem(data, folder.data)
        outcome = _run(job, executor)
    if outcome.state != "complete":
        raise InputError(f"no network was trained: {outcome.cause} (the log is in {job.folder})")
    save_model(folder.model, trained_network(job, data.problem), architecture, data.problem, data.preprocessing)
    return Trained(data.problem, outcome, folder.path)


def read_architecture(file: Path) -> Architecture:
    """The architecture in a JSON file, such as model/architecture.json. Raises InputError if there is none."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read as JSON ({error}): give the architecture.json of a model folder") from error
    if not isinstance(content, dict):
        raise InputError(f"{file} holds no architecture: give the architecture.json of a model folder")
    return Architecture.from_json(content)


def _claim(folder: RunFolder, request: Request, architecture: Architecture, data: ProblemData) -> None:
    """Begin a training in the folder, or continue the same training. Raises RunFolderError if it holds something else."""
    file = folder.path / "train.json"
    asked = json.loads(
        json.dumps(
            {
                **request.fixed(),
                "architecture": architecture.to_json(),
                "data_hash": data.problem.data_hash,
                "epochs": request.epochs,
            }
        )
    )
    if file.exists() and read_json(file) != asked:
        raise RunFolderError(f"{folder.path} holds another training: give another folder with --out")
    if not file.exists() and folder.path.exists() and any(not entry.name.startswith(".") for entry in folder.path.iterdir()):
        raise RunFolderError(f"{folder.path} is not empty and holds no training: give another folder with --out")
    folder.path.mkdir(parents=True, exist_ok=True)
    write_json(file, asked)


def _check_settings(request: Request) -> None:
    for key in request.settings:
        if not key.startswith("train."):
            raise UnknownSetting(f"--set {key}: begin the key with train. (the space's settings are in the architecture)")


def _run(job: Job, executor: Executor) -> Outcome:
    executor.submit(job)
    while True:
        for _, outcome in executor.wait(1.0):
            return outcome
