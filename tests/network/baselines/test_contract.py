"""What every baseline network promises."""

import subprocess
import sys

import pytest
import torch

from archwright.cost.parameters import parameter_count
from archwright.data.problem import Problem
from archwright.errors import InputError, UnknownName
from archwright.network.baselines import RECURRENT, baseline_names, baseline_summary, build_baseline, is_network

NETWORKS = [name for name in baseline_names() if is_network(name) and name not in RECURRENT]
"""Baselines for text are in test_recurrent.py."""
SHAPES = [(1, 28, 28), (3, 96, 64), (3, 2, 5), (2, 300), (1, 1)]
FLAT_TOO = ["resnet-tiny", "resnet18", "resnet50", "highway"]


def problem(shape, outputs=3):
    return Problem("toy", "classification", shape, outputs)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_maps_series_and_images_of_any_size_to_outputs(name, shape):
    with torch.device("meta"):  # shapes without the work
        assert build_baseline(name, problem(shape))(torch.empty(2, *shape)).shape == (2, 3)


@pytest.mark.parametrize("name", FLAT_TOO)
def test_maps_flat_features_to_outputs(name):
    assert build_baseline(name, problem((9,))).eval()(torch.randn(2, 9)).shape == (2, 3)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in FLAT_TOO])
def test_convolutional_baselines_name_those_for_flat_features(name):
    with pytest.raises(InputError, match=rf"{name}.*\(9,\).*{', '.join(FLAT_TOO[:3])}, highway or random_forest"):
        build_baseline(name, problem((9,)))


@pytest.mark.parametrize("shape", [(1, 4, 4), (2, 12)], ids=str)
@pytest.mark.parametrize("name", NETWORKS)
def test_all_weights_learn_and_the_auxiliary_point_is_on_the_way(name, shape):
    network, seen = build_baseline(name, problem(shape)), []
    network.auxiliary_point.register_forward_hook(lambda _, __, output: seen.append(output.shape))
    network(torch.randn(2, *shape)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    assert len(seen) == 1
    assert seen[0][0] == 2
    assert not any("auxiliary_point" in key for key in network.state_dict())


@pytest.mark.parametrize("name", ["resnet-tiny", "densenet", "highway"])
def test_the_same_seed_gives_the_same_weights(name):
    states = []
    for _ in range(2):
        torch.manual_seed(5)
        states.append(build_baseline(name, problem((1, 8, 8))).state_dict())
    assert all(torch.equal(tensor, states[1][key]) for key, tensor in states[0].items())


def test_series_need_fewer_weights_than_images():
    assert parameter_count(build_baseline("resnet18", problem((3, 64)))) < parameter_count(
        build_baseline("resnet18", problem((3, 8, 8)))
    )


def test_unknown_names_and_the_random_forest():
    assert baseline_names()[-1] == "random_forest"
    assert not is_network("random_forest")
    with pytest.raises(InputError, match="not a network"):
        build_baseline("random_forest", problem((1, 8, 8)))
    for ask in (is_network, lambda name: build_baseline(name, problem((1, 8, 8)))):
        with pytest.raises(UnknownName, match=r"did you mean 'resnet18'.*random_forest"):
            ask("resnet-18")


def test_an_external_baseline_is_found_by_module_and_function(tmp_path, monkeypatch):
    code = 'from torch import nn\ndef tiny(problem):\n    """Mine."""\n    return nn.Linear(4, problem.outputs)\n'
    (tmp_path / "mine_for_baselines.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert is_network("mine_for_baselines:tiny")
    assert baseline_summary("mine_for_baselines:tiny") == "Mine."
    assert build_baseline("mine_for_baselines:tiny", problem((4,), outputs=7)).out_features == 7


def test_each_has_its_own_summary():
    assert len({baseline_summary(name) for name in baseline_names()}) == len(baseline_names())


def test_names_are_listed_without_torch():
    code = """
import sys
from archwright.network import baselines
[baselines.baseline_summary(name) for name in baselines.baseline_names()]
sys.exit("torch" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
