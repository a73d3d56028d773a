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
    if job.stage in SHARED_WEIGHTS:
        train: Callable[..., Outcome] = find(job.stage, SHARED_WEIGHTS, "archwright.stages", "stage")
    else:
        train = train_classical if job.baseline in CLASSICAL else train_network
    return train(job, open_problem(job.data), report.facts, report)
