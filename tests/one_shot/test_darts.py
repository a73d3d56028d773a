"""Gates of DARTS, and its options on the toy."""

from __future__ import annotations

import json

import pytest
import torch

from archwright.network.supernet import Edge, Mixture
from archwright.one_shot import make_one_shot
from archwright.one_shot.gradient_based.alphas import Alphas
from archwright.one_shot.supernet.supernet_training import train_supernet

MIXTURE = Mixture((Edge("a", ("x", "y", "z"), "1"), Edge("b", ("x", "y"), "2")), {})
FAST = {"learning_rate": 0.1, "alpha_learning_rate": 0.05}


@pytest.mark.parametrize("name", ["darts", "darts_second_order"])
def test_gates_are_the_softmax_of_alphas(name):
    alphas, method = Alphas(MIXTURE), make_one_shot(name)
    gates = method.gates(alphas, 0.5, torch.Generator())
    assert torch.allclose(gates[0], alphas.alpha[0].softmax(dim=0))
    assert torch.allclose(gates[1, :2], alphas.alpha[1, :2].softmax(dim=0))
    assert gates[1, 2] == 0
    assert torch.equal(gates, method.expected(alphas))
    assert method.temperature(0.5) is None


@pytest.mark.parametrize("name", ["darts", "darts_second_order"])
def test_sparsemax_drops_what_is_unlikely(name):
    alphas = Alphas(MIXTURE)
    with torch.no_grad():
        alphas.alpha[0] = torch.tensor([2.0, 0.0, 1.9])
    assert make_one_shot(name, {"relaxation": "sparsemax"}).expected(alphas)[0, 1] == 0


@pytest.mark.parametrize(
    "settings",
    [
        {"relaxation": "sparsemax"},
        {"discretization": "perturbation"},
        {"discretization": "progressive"},
        {"auxiliary_skip": True},
        {"single_level": True},
        {"entropy": 0.05},
    ],
    ids=lambda settings: "-".join(map(str, *settings.items())),
)
def test_every_option_still_solves_the_toy(settings, toy, toy_data, tmp_path):
    outcome = train_supernet(toy.toy_job(tmp_path, "darts", epochs=16.0, **FAST, **settings), toy_data, {})
    assert toy.best_architecture() in [toy.as_answers(entry) for entry in outcome.found]


def final_entropy(toy, toy_data, folder, **settings):
    folder.mkdir()
    outcome = train_supernet(toy.toy_job(folder, "darts", epochs=3.0, **FAST, **settings), toy_data, {})
    return outcome.curve[-1]["entropy"]


def test_the_entropy_term_makes_gates_decided(toy, toy_data, tmp_path):
    assert final_entropy(toy, toy_data, tmp_path / "with", entropy=3.0) < 0.9 * final_entropy(toy, toy_data, tmp_path / "without")


def test_the_l1_term_moves_weight_to_none(toy, toy_data, tmp_path):
    shares = []
    for l1 in (0.0, 2.0):
        folder = tmp_path / str(l1)
        folder.mkdir()
        train_supernet(toy.toy_job(folder, "darts", epochs=3.0, **FAST, l1=l1), toy_data, {})
        last = json.loads((folder / "one_shot.json").read_text())["epochs"][-1]["weights"]
        shares.append(sum(row[0] for row in last))
    assert shares[1] > shares[0] + 0.5


def test_a_settled_order_stops_the_search(toy, toy_data, tmp_path):
    outcome = train_supernet(toy.toy_job(tmp_path, "darts", epochs=60.0, **FAST, patience=4), toy_data, {})
    assert outcome.epochs < 60
    text = json.loads((tmp_path / "one_shot.json").read_text())
    assert text["stopped"] == "stopped early: the order of the candidates has not changed for 4 epochs"


def test_alphas_that_learn_nothing_are_reported(toy, toy_data, tmp_path):
    train_supernet(toy.toy_job(tmp_path, "darts", epochs=1.0, alpha_learning_rate=1e-6), toy_data, {})
    (note,) = json.loads((tmp_path / "one_shot.json").read_text())["notes"]
    assert "hardly moved from their initial values" in note
