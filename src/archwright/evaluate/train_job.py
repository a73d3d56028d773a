"""Train what a job describes: a network, a classical model, or a supernet."""

from __future__ import annotations

from collections.abc import Callable

import torch

from archwright.data.problem_folder import open_problem
from archwright.evaluate.classical_model import train_classical
from archwright.evaluate.full_training import train_network
from archwright.evaluate.job import Job, Outcome
from archwright.evaluate.run_job import TrainingReport
from archwright.evaluate.training_segment import take_over
from archwright.network.baselines import CLASSICAL
from archwright.plugins import find

SHARED_WEIGHTS = {
    "supernet": "archwright.one_shot.supernet.supernet_training:train_supernet",
    "shared_scores": "archwright.one_shot.supernet.supernet_training:score_architectures",
}
"""Stages implemented in a package that must not be imported here: loaded by name when such a job is run."""


def train_job(job: Job, report: TrainingReport) -> Outcome:
    """The outcome of the job's training; an interrupted one is resumed from its last epoch. Raises whatever the training raises."""
    torch.set_num_threads(job.threads)
    take_over(job)
    outcome: Outcome = _training_of(job)(job, open_problem(job.data), report.facts, report)
    return outcome


def _training_of(job: Job) -> Callable[..., Outcome]:
    """The function that trains: (job, data, facts, on_epoch) -> the outcome."""
    if job.stage in SHARED_WEIGHTS:
        return find(job.stage, SHARED_WEIGHTS, "archwright.stages", "stage")  # type: ignore[no-any-return]
    return train_classical if job.baseline in CLASSICAL else train_network
