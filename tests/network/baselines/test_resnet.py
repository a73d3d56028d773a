import pytest
import torch

from archwright.cost.macs import multiply_accumulates
from archwright.cost.parameters import parameter_count
from archwright.data.problem import Problem
from archwright.network.baselines.resnet import resnet18, resnet50, resnet_tiny
from archwright.ops.drop_path import DropPath

CIFAR = Problem("cifar", "classification", (3, 32, 32), 10)
IMAGENET = Problem("imagenet", "classification", (3, 224, 224), 1000)


@pytest.mark.parametrize(
    ("build", "problem", "weights", "macs"),
    [
        (resnet18, CIFAR, 11_173_962, 555_422_720),
        (resnet50, CIFAR, 23_520_842, 1_297_829_888),
        (resnet18, IMAGENET, 11_689_512, 1_814_073_344),  # 1.8e9 in Table 1 of the paper
        (resnet50, IMAGENET, 25_557_032, 4_089_184_256),  # 3.8e9 there: Differs in where a bottleneck has its stride
    ],
)
def test_weights_and_macs_as_published(build, problem, weights, macs):
    with torch.device("meta"):
        network = build(problem)
    assert parameter_count(network) == weights
    assert multiply_accumulates(network, problem.input_shape) == macs


def test_resnet_tiny_has_ten_layers_and_an_eighth_of_the_filters():
    tiny, full = resnet_tiny(CIFAR), resnet18(CIFAR)
    layers = [m for m in tiny.modules() if isinstance(m, torch.nn.Conv2d) and m.kernel_size == (3, 3)]
    assert len(layers) + 1 == 10
    assert [s[0].branch[0][0].out_channels * 8 for s in tiny.stages] == [s[0].branch[0][0].out_channels for s in full.stages]


def test_weights_for_a_series_counted_by_hand():
    network = resnet_tiny(Problem("series", "regression", (2, 50), 1))
    stem = 3 * 2 * 8 + 16
    first = 2 * (3 * 8 * 8 + 16)
    others = sum(3 * w // 2 * w + 3 * w * w + w // 2 * w + 3 * 2 * w for w in (16, 32, 64))
    assert parameter_count(network) == stem + first + others + 64 + 1


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [((1, 8, 8), [8, 4, 4, 4]), ((1, 28, 28), [28, 14, 7, 4]), ((3, 224, 224), [56, 28, 14, 7]), ((2, 3), [3, 3, 3, 3])],
)
def test_no_more_halvings_than_the_input_allows(shape, sizes):
    network = resnet_tiny(Problem("x", "classification", shape, 2)).eval()
    x, got = network.stem(torch.randn(1, *shape)), []
    for stage in network.stages:
        x = stage(x)
        got.append(x.shape[-1])
    assert got == sizes


@pytest.mark.parametrize(("build", "layers"), [(resnet_tiny, 10), (resnet18, 18), (resnet50, 50)])
def test_flat_features_get_as_many_layers(build, layers):
    network = build(Problem("table", "classification", (7,), 2))
    assert sum(isinstance(module, torch.nn.Linear) for module in network.modules()) == layers


def test_every_block_has_a_drop_path():
    assert sum(isinstance(module, DropPath) for module in resnet18(CIFAR).modules()) == 8
