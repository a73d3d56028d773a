"""Recurrent cells searched with shared weights: from a job on a text to its outcome."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
import torch
from safetensors.torch import load_file

from archwright.architecture.architecture import Architecture
from archwright.data.problem_folder import open_problem, save_problem
from archwright.data.raw_text import RawText
from archwright.data.text_problem import text_problem
from archwright.errors import InputError
from archwright.evaluate.full_training import validate
from archwright.evaluate.job import Job
from archwright.evaluate.run_job import run_job
from archwright.one_shot import make_one_shot, one_shot_names
from archwright.one_shot.method import TEXT
from archwright.one_shot.supernet.supernet_setup import set_up
from archwright.one_shot.supernet.supernet_training import train_supernet
from archwright.search_space import make_space
from archwright.settings import settings_of

SPACE = {"nodes": 3, "width": 6}
METHODS = [name for name in one_shot_names() if name != "pc_darts"]


def text(words=240):
    """Words of a small grammar: the next word depends on the one two words back."""
    rng, said = Random(0), ["the", "cat"]
    follow = {"the": ["cat", "dog"], "cat": ["sees", "fears"], "dog": ["sees", "bites"], "sees": ["the"], "fears": ["the"]}
    while len(said) < words:
        said.append(rng.choice(follow.get(said[-2], ["the", "a"])))
    return " ".join(said)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("text") / "data"
    save_problem(text_problem(RawText("grammar", "a grammar", {"": text()}), "character", 6), folder)
    return folder


def job_on(data, folder, method, **fields):
    settings = {**settings_of(make_one_shot(method, task="language_modelling")), "learning_rate": 2.0}
    asked = {"space": "recurrent", "space_settings": SPACE, "method": method, "method_settings": settings}
    given = {"key": "supernet", "stage": "supernet", "seed": 2, "epochs": 2.0, "device": "cpu", "recipe": {"batch_size": 8}}
    return Job(data=str(data), folder=str(folder), supernet=asked, **{**given, **fields})


@pytest.mark.parametrize("method", METHODS)
def test_every_method_searches_recurrent_cells(method, data, tmp_path):
    job = job_on(data, tmp_path, method)
    outcome = run_job(job)
    assert (outcome.state, outcome.cause) == ("complete", "")
    scores = [entry["score"] for entry in outcome.found]
    assert scores == sorted(scores), "the fewest bits per character come first"
    assert all(0 < score < 6 for score in scores)
    for entry in outcome.found:
        make_space("recurrent", SPACE).describe(Architecture.from_json(entry["architecture"]))
    assert run_job(job) == outcome


@pytest.mark.parametrize("method", ["darts_second_order", "single_path_uniform"])
def test_an_interrupted_search_goes_on_as_if_nothing_had_happened(method, data, tmp_path):
    problem = open_problem(data)
    whole, parts = (job_on(data, tmp_path / name, method, epochs=3.0) for name in ("whole", "parts"))
    for job in (whole, parts):
        Path(job.folder).mkdir()
    expected = train_supernet(whole, problem, {})

    def interrupt(record):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_supernet(parts, problem, {}, interrupt)
    assert train_supernet(parts, problem, {}).found == expected.found
    first, second = (load_file(Path(job.folder) / "supernet.safetensors") for job in (whole, parts))
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.fixture
def stage(data, tmp_path):
    """A search after a few steps."""
    stage = set_up(job_on(data, tmp_path, "darts"), open_problem(data), torch.device("cpu"), epochs=2.0)
    for number in range(4):
        stage.search(*stage.batches.batch(number), 0.5)
    return stage


def test_the_shared_weight_score_is_that_of_the_extracted_network(stage, data):
    architecture = stage.context.space.sample(Random(3))
    alone = validate(stage.context.supernet.extract(architecture), stage.val, open_problem(data))
    assert stage.context.metrics_of(architecture) == pytest.approx(alone, rel=1e-5)


def test_a_step_of_the_alphas_and_a_score_leave_the_stream_of_the_weights_as_it_is(stage):
    carried = stage.context.supernet.model.recurrence
    before = carried.state.clone()
    stage.search.val_loss(*stage.search.val_batch())
    stage.context.score_of(stage.context.space.sample(Random(0)))
    assert torch.equal(carried.state, before)


def test_alphas_that_have_decided_leave_no_discretization_gap(stage):
    context, search = stage.context, stage.search
    architecture = context.space.sample(Random(4))
    gates = context.supernet.gates_of(architecture)
    one_hot = context.metrics_of(architecture)
    assert context.score(gates) == pytest.approx(one_hot)
    with torch.no_grad():
        search.alphas.alpha.copy_(40 * gates)
    assert search.conclude(0).architecture == architecture


def test_the_weights_of_a_language_model_learn_as_in_the_paper():
    """Liu et al. 2019, appendix A.1.2; what is given counts before it."""
    for name in one_shot_names():
        method = make_one_shot(name, {"momentum": 0.5}, task="language_modelling")
        assert (method.learning_rate, method.gradient_clip, method.momentum) == (20.0, 0.25, 0.5)
    assert set(TEXT) <= settings_of(make_one_shot("darts")).keys()


def test_partial_channels_are_refused(data):
    with pytest.raises(InputError, match=r"space 'recurrent' mixes whole nodes.*set partial_channels=1"):
        make_one_shot("pc_darts").supernet(make_space("recurrent", SPACE), open_problem(data).problem)
