"""From a job to its outcome, on real supernets."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import torch
from torch import nn

from archwright.architecture.architecture import Architecture
from archwright.data.problem_folder import open_problem
from archwright.errors import InputError
from archwright.evaluate.full_training import validate
from archwright.evaluate.job import Job
from archwright.evaluate.run_job import run_job
from archwright.one_shot import make_one_shot, one_shot_names
from archwright.one_shot.supernet.supernet_setup import set_up
from archwright.one_shot.supernet.supernet_training import train_supernet
from archwright.search_space import make_space

SPACES = {
    "cell": {"filters": 4, "blocks": 2},
    "nasbench201": {"filters": 4, "repeats": 1},
    "chain": {"pooling": "stride", "connectivity": "residual", "activation": "relu", "width": 4, "most_blocks": 2, "stages": 2},
}


def job_on(data, folder, space, method, **fields):
    asked = {"space": space, "space_settings": SPACES[space], "method": method, "method_settings": {}}
    given = {"key": "supernet", "stage": "supernet", "seed": 2, "epochs": 2.0, "device": "cpu", "recipe": {"batch_size": 16}}
    return Job(data=str(data), folder=str(folder), supernet=asked, **{**given, **fields})


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("method", one_shot_names())
def test_every_method_searches_every_space(space, method, few_digits, tmp_path):
    if space == "chain" and method == "pc_darts":
        pytest.skip("partial channels are for cells")
    job = job_on(few_digits, tmp_path, space, method)
    outcome = run_job(job)
    assert (outcome.state, outcome.cause) == ("complete", "")
    made = make_space(space, SPACES[space])
    for entry in outcome.found:
        architecture = Architecture.from_json(entry["architecture"])
        made.describe(architecture)
        assert 0 <= entry["score"] <= 1
    assert outcome.parameters > 0
    assert (tmp_path / "supernet.safetensors").is_file()
    assert not (tmp_path / "checkpoint.pt").exists()
    assert run_job(job) == outcome


def test_shared_scores_are_a_job_too(few_digits, tmp_path):
    trained = run_job(job_on(few_digits, tmp_path / "trained", "nasbench201", "gdas"))
    architectures = [entry["architecture"] for entry in trained.found] * 2
    job = job_on(few_digits, tmp_path / "scores", "nasbench201", "gdas", stage="shared_scores")
    outcome = run_job(replace(job, supernet={**job.supernet, "trained": str(tmp_path / "trained"), "architectures": architectures}))
    assert outcome.cause == ""
    assert [entry["architecture"] for entry in outcome.found] == architectures
    assert [entry["score"] for entry in outcome.found] == [entry["score"] for entry in trained.found] * 2


@pytest.fixture
def cell_stage(few_digits, tmp_path):
    """A search on real cells that has done a few steps, so that its shared weights and statistics are no longer at their start."""
    job = job_on(few_digits, tmp_path, "cell", "darts")
    stage = set_up(job, open_problem(few_digits), torch.device("cpu"), job.epochs)
    for number in range(4):
        stage.search(*stage.batches.batch(number), 0.5)
    return stage


def test_the_shared_weight_score_is_that_of_the_extracted_network(cell_stage, few_digits):
    context = cell_stage.context
    architecture = context.space.sample(Random(3))
    plain = context.supernet.extract(architecture).train()
    for norm in (module for module in plain.modules() if isinstance(module, nn.BatchNorm2d)):
        norm.momentum = None  # PyTorch's plain mean over all batches
        norm.reset_running_stats()
    with torch.no_grad():
        for x in context.score.calibration:
            plain(x)
    alone = validate(plain, cell_stage.val, open_problem(few_digits))
    assert context.metrics_of(architecture) == pytest.approx(alone, rel=1e-4)


def test_alphas_that_have_decided_leave_no_discretization_gap(cell_stage):
    """If the mixture is a single network already, discretization removes nothing."""
    context, search = cell_stage.context, cell_stage.search
    architecture = context.space.sample(Random(4))
    gates = context.supernet.gates_of(architecture)
    gates[:, 0] += gates.sum(dim=1) == 0  # the other edges have decided for `none`
    with torch.no_grad():
        search.alphas.alpha.copy_(40 * gates)
    conclusion = search.conclude(0)
    assert conclusion.architecture == architecture
    assert conclusion.supernet_score == context.score_of(architecture)
    assert context.score(search.expected) == pytest.approx(context.metrics_of(architecture), rel=1e-4)


def test_a_failing_search_reports_how_far_it_came(few_digits, tmp_path):
    outcome = run_job(job_on(few_digits, tmp_path, "nasbench201", "gdas", epochs=500.0, time_limit=0.5))
    assert outcome.state == "failed"
    assert "timed out" in outcome.cause


def test_a_job_without_a_supernet_is_an_error(toy_data, tmp_path):
    job = Job(key="k", stage="supernet", data="", folder=str(tmp_path), seed=0, epochs=1.0)
    with pytest.raises(InputError, match="does not name a supernet"):
        train_supernet(job, toy_data, {})


def test_the_settings_are_in_the_report(few_digits, tmp_path):
    run_job(job_on(few_digits, tmp_path, "nasbench201", "gdas", epochs=1.0))
    text = json.loads((Path(tmp_path) / "one_shot.json").read_text())
    assert text["method"] == "gdas"
    assert text["settings"]["first_temperature"] == make_one_shot("gdas").first_temperature
