"""What every one-shot method promises, on a toy whose best architecture is known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from archwright.architecture.architecture import Architecture
from archwright.one_shot import make_one_shot, one_shot_names
from archwright.one_shot.method import GradientMethod, PathMethod
from archwright.one_shot.supernet.supernet_training import score_architectures, train_supernet

GRADIENT = [name for name in one_shot_names() if isinstance(make_one_shot(name), GradientMethod)]
FAST = {"learning_rate": 0.1, "alpha_learning_rate": 0.05}
PATH = {"learning_rate": 0.2}


def quick(name):
    return FAST if name in GRADIENT else PATH


def epochs_of(name):
    return 16.0 if name in GRADIENT else 30.0


@pytest.fixture(scope="module")
def trained(toy, toy_data, tmp_path_factory):
    """Gives (job, outcome, facts, records) of a method's search on the toy, made once."""
    made = {}

    def of(name):
        if name not in made:
            job = toy.toy_job(tmp_path_factory.mktemp(name), name, epochs=epochs_of(name), **quick(name))
            facts, records = {}, []
            made[name] = job, train_supernet(job, toy_data, facts, records.append), facts, records
        return made[name]

    return of


@pytest.mark.parametrize("name", one_shot_names())
def test_the_known_best_is_found(name, toy, trained):
    _, outcome, _, _ = trained(name)
    found = [toy.as_answers(entry) for entry in outcome.found]
    best = toy.best_architecture()
    assert found[0].answers == best.answers


@pytest.mark.parametrize("name", one_shot_names())
def test_derived_candidates_are_distinct_and_ordered(name, toy, trained):
    _, outcome, _, _ = trained(name)
    scores = [entry["score"] for entry in outcome.found]
    assert 1 <= len(scores) <= make_one_shot(name).derived_candidates
    assert scores == sorted(scores, reverse=True)
    assert len({toy.as_answers(entry) for entry in outcome.found}) == len(scores)
    assert json.loads(json.dumps(outcome.to_json(), allow_nan=False))["found"]


@pytest.mark.parametrize("name", one_shot_names())
def test_the_report_has_all_it_needs(name, toy_data, trained):
    job, outcome, _, records = trained(name)
    text = json.loads((Path(job.folder) / "one_shot.json").read_text())
    assert set(text) == {"method", "settings", "edges", "epochs", "discretization", "stopped", "notes"}
    assert len(text["epochs"]) == len(records) == len(outcome.curve)
    for entry in text["epochs"]:
        assert {"epoch", "seconds", "train_loss", "train_metric", "val_r2", "val_loss", "temperature"} <= set(entry)
        assert 0 <= entry["skip_share"] <= 1
        assert 0 <= entry["entropy"] <= 1 + 1e-9
        assert [len(row) for row in entry["weights"]] == [len(edge["candidates"]) for edge in text["edges"]]
        Architecture.from_json(entry["architecture"])
    last = text["discretization"]
    assert last["discretized_score"] == outcome.metrics["r2"]
    assert last["architecture"] in [entry["architecture"] for entry in outcome.found]
    assert (last["supernet_score"] is not None) == (name in GRADIENT)


@pytest.mark.parametrize("name", one_shot_names())
def test_a_trained_supernet_scores_as_it_did(name, toy_data, tmp_path, trained):
    job, outcome, _, _ = trained(name)
    architectures = [entry["architecture"] for entry in outcome.found]
    asked = {**job.supernet, "trained": job.folder, "architectures": architectures}
    scoring = type(job)(**{**job.to_json(), "stage": "shared_scores", "folder": str(tmp_path), "supernet": asked})
    again = score_architectures(scoring, toy_data, {})
    assert [entry["score"] for entry in again.found] == [entry["score"] for entry in outcome.found]


@pytest.mark.parametrize("name", one_shot_names())
def test_a_killed_search_ends_as_if_nothing_had_happened(name, toy, toy_data, tmp_path):
    class Killed(Exception):
        pass

    def kill(record):
        if record["epoch"] == 2:
            raise Killed

    settings = {**quick(name), "derived_candidates": 2}
    if name in GRADIENT:
        settings |= {"warmup": 0.3, "patience": 50, "discretization": "progressive", "auxiliary_skip": True, "weight_share": 0.4}
    whole, parts = (toy.toy_job(tmp_path / part, name, epochs=4.0, **settings) for part in ("whole", "parts"))
    for job in (whole, parts):
        Path(job.folder).mkdir()
    expected = train_supernet(whole, toy_data, {})
    with pytest.raises(Killed):
        train_supernet(parts, toy_data, {}, kill)
    torch.manual_seed(99)  # whatever else a process did
    resumed = train_supernet(parts, toy_data, {})
    assert resumed.found == expected.found
    assert without_times(resumed.curve) == without_times(expected.curve)
    first, second = (load_file(Path(job.folder) / "supernet.safetensors") for job in (whole, parts))
    assert all(torch.equal(first[key], second[key]) for key in first)
    texts = [json.loads((Path(job.folder) / "one_shot.json").read_text()) for job in (whole, parts)]
    assert [entry["weights"] for entry in texts[0]["epochs"]] == [entry["weights"] for entry in texts[1]["epochs"]]


def without_times(curve):
    return [{key: value for key, value in record.items() if key != "seconds"} for record in curve]


@pytest.mark.parametrize("name", GRADIENT)
def test_alphas_do_not_move_during_the_warm_up(name, toy, toy_data, tmp_path):
    job = toy.toy_job(tmp_path, name, epochs=4.0, **FAST, warmup=0.5)
    train_supernet(job, toy_data, {})
    weights = [entry["weights"] for entry in json.loads((tmp_path / "one_shot.json").read_text())["epochs"]]
    assert weights[0] == weights[1]
    assert weights[1] != weights[2] != weights[3]


@pytest.mark.parametrize("name", one_shot_names())
def test_a_time_goal_sets_the_epochs_and_keeps_them(name, toy, toy_data, tmp_path):
    job = type(toy.toy_job(tmp_path, name))(**{**toy.toy_job(tmp_path, name, epochs=1000.0).to_json(), "time_goal": 0.5})
    outcome = train_supernet(job, toy_data, {})
    assert 0 < outcome.epochs < 1000
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert plan["epochs"] == pytest.approx(outcome.epochs, abs=0.2)
    assert plan["seconds_per_epoch"] > 0
    assert (plan["evaluations"] >= 20) == isinstance(make_one_shot(name), PathMethod)
