"""A search ready to start: from a job and its data to the supernet, its batches, and the search itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from archwright.data.raw_data import Array
from archwright.data.splits import ProblemData
from archwright.errors import InputError
from archwright.evaluate.full_training import validate
from archwright.evaluate.job import Job
from archwright.evaluate.training_schedule import training_augmentation
from archwright.one_shot import make_one_shot
from archwright.one_shot.controllers.reward import reward_function
from archwright.one_shot.method import OneShotMethod
from archwright.one_shot.monitoring.search_log import SearchLog
from archwright.one_shot.supernet.search_context import Search, SearchContext
from archwright.one_shot.supernet.shared_weight_score import SharedWeightScore
from archwright.one_shot.supernet.weight_and_alpha_rows import weight_and_alpha_rows
from archwright.ops.variational_dropout import set_variational_dropout
from archwright.process_group import SINGLE_PROCESS, ProcessGroup
from archwright.search_space import make_space
from archwright.settings import with_settings
from archwright.train.augmentation import as_it_is
from archwright.train.batches import Batches, Rows
from archwright.train.loss import loss_function
from archwright.train.random_state import seed_everything
from archwright.train.recipe import Recipe
from archwright.train.supervised_step import variational_dropout

CALIBRATION_BATCHES = 8
"""Batches of training rows on which BatchNorm statistics are recalibrated before scoring."""


@dataclass(frozen=True, eq=False)
class SupernetSetup:
    """A search, with the batches that it is trained on and the rows that it is validated on."""

    search: Search
    context: SearchContext
    batches: Batches
    val: Rows


def set_up(
    job: Job, data: ProblemData, device: torch.device, epochs: float, process_group: ProcessGroup = SINGLE_PROCESS
) -> SupernetSetup:
    """From the seed: the same supernet and alphas in every process, but different random numbers for their batches."""
    request, recipe, method = supernet_of(job), with_settings(Recipe, job.recipe, "train"), method_of(job)
    space = make_space(request["space"], request.get("space_settings")).for_problem(data.problem)
    seed_everything(job.seed)
    supernet = method.supernet(space, data.problem).to(device)
    images = data.problem.dimensions == 2
    if images:
        supernet.to(memory_format=torch.channels_last)
    rows, val = (Rows(split, data.problem, data.preprocessing, device, images) for split in (data.train, data.val))
    set_variational_dropout(supernet, variational_dropout(recipe))
    weight_rows, alpha_rows = _split_rows(method, rows, job.seed)
    augment = training_augmentation(recipe, rows, data, epochs)
    batches = Batches(rows, recipe.batch_size, job.seed, augment, weight_rows, process_group)
    alpha_batches = None
    if alpha_rows is not None:
        alpha_augment = augment if method.augments_held_out_rows else as_it_is
        alpha_batches = Batches(rows, recipe.batch_size, job.seed + 1, alpha_augment, alpha_rows, process_group)
    loss = loss_function(data.problem.task, recipe.label_smoothing)
    context = SearchContext(
        supernet=supernet,
        space=space,
        loss=process_group.weighted_loss(loss, batches.batch_size),
        alpha_loss=process_group.weighted_loss(loss, (alpha_batches or batches).batch_size),
        score=SharedWeightScore(
            supernet,
            _calibration_inputs(rows, weight_rows, recipe.batch_size),
            lambda network: validate(network, val, data, process_group),
        ),
        metric=data.problem.metric,
        reward=reward_function(data.problem),
        steps=max(1, round(epochs * batches.per_epoch)),
        steps_per_epoch=batches.per_epoch,
        alpha_batches=alpha_batches,
        seed=job.seed,
        device=device,
        search_log=SearchLog(supernet.mixture),
        process_group=process_group,
    )
    search = method.begin(context)
    seed_everything(job.seed + process_group.rank)
    return SupernetSetup(search, context, batches, val)


def supernet_of(job: Job) -> Mapping[str, Any]:
    """What the job asks for: `space`, `method`, and their settings. Raises InputError if the job is not about a supernet."""
    if job.supernet is None:
        raise InputError(f"job {job.key!r} of stage {job.stage!r} does not name a supernet")
    return job.supernet


def method_of(job: Job) -> OneShotMethod:
    """The job's one-shot method."""
    return make_one_shot(supernet_of(job)["method"], supernet_of(job).get("method_settings"))


def _split_rows(method: OneShotMethod, rows: Rows, seed: int) -> tuple[Array, Array | None]:
    """Rows for the weights, and rows held out for the alphas or the controller, if any."""
    if method.share_for_weights < 1:
        return weight_and_alpha_rows(len(rows), method.share_for_weights, None if rows.sequential else seed)
    return np.arange(len(rows)), None


def _calibration_inputs(rows: Rows, among: Array, batch_size: int) -> list[Tensor]:
    """A fixed set of training inputs, not augmented, in full batches if there is more than one."""
    most = min(len(among), CALIBRATION_BATCHES * batch_size)
    whole = most - most % batch_size if most > batch_size else most
    chosen = torch.from_numpy(among[:whole])
    return [rows.take(part)[0] for part in torch.split(chosen, batch_size)]
