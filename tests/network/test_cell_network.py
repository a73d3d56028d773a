import pytest
import torch
from torch import nn

from archwright.architecture.cell_graph import CellGraph, CellPair, Node
from archwright.network.cell_network import CellModule, CellNetwork
from archwright.ops.convolution import FactorizedReduction
from archwright.ops.drop_path import set_drop_path

NORMAL = CellGraph("normal", 2, (Node((0, 1), ("sep_conv_3x3", "skip_connect")), Node((1, 2), ("max_pool_3x3", "conv_1x1"))))
REDUCTION = CellGraph("reduction", 2, (Node((0, 1), ("avg_pool_3x3", "conv_3x3")), Node((0, 2), ("skip_connect", "skip_connect"))))
DARTS_V2 = CellPair(
    CellGraph(
        "normal",
        2,
        (
            Node((0, 1), ("sep_conv_3x3", "sep_conv_3x3")),
            Node((0, 1), ("sep_conv_3x3", "sep_conv_3x3")),
            Node((1, 0), ("sep_conv_3x3", "skip_connect")),
            Node((0, 2), ("skip_connect", "dil_conv_3x3")),
        ),
    ),
    CellGraph(
        "reduction",
        2,
        (
            Node((0, 1), ("max_pool_3x3", "max_pool_3x3")),
            Node((2, 1), ("skip_connect", "max_pool_3x3")),
            Node((0, 2), ("max_pool_3x3", "skip_connect")),
            Node((2, 1), ("skip_connect", "max_pool_3x3")),
        ),
    ),
)


def network(reductions=2, repeats=1, filters=4, pair=None, shape=(3, 16, 16)):
    return CellNetwork(shape, 5, pair or CellPair(NORMAL, REDUCTION), reductions=reductions, repeats=repeats, filters=filters)


def outputs_of_cells(module, shape):
    seen = []
    for cell in module.cells:
        cell.register_forward_hook(lambda _, __, output: seen.append(tuple(output.shape[1:])))
    module(torch.randn(2, *shape))
    return seen


def test_each_reduction_halves_the_size_and_doubles_the_filters():
    assert outputs_of_cells(network(repeats=2), (3, 16, 16)) == [
        (8, 16, 16),
        (8, 16, 16),
        (16, 8, 8),
        (16, 8, 8),
        (16, 8, 8),
        (32, 4, 4),
        (32, 4, 4),
        (32, 4, 4),
    ]


@pytest.mark.parametrize("shape", [(1, 7, 9), (2, 21), (1, 5, 5)])
def test_odd_sizes_round_up(shape):
    sizes = [tuple(output[1:]) for output in outputs_of_cells(network(shape=shape), shape)]
    assert sizes[1] == tuple(-(-side // 2) for side in shape[1:])
    assert sizes[-1] == tuple(-(-side // 4) for side in shape[1:])


def test_the_one_cell_of_pnas_is_used_at_both_strides():
    module = network(pair=CellPair(NORMAL))
    kinds = [[type(m).__name__ for m in cell.nodes[0].edges[0].modules()] for cell in module.cells]
    assert kinds[0] == kinds[1]
    assert outputs_of_cells(module, (3, 16, 16))[1] == (16, 8, 8)


def test_the_published_darts_cell_has_the_published_size():
    """Liu et al. 2019, Table 1: DARTS (second order), 20 cells of 36 filters for CIFAR-10: 3.3 million parameters."""
    with torch.device("meta"):
        module = CellNetwork((3, 32, 32), 10, DARTS_V2, reductions=2, repeats=6, filters=36)
    assert len(module.cells) == 20
    assert sum(p.numel() for p in module.parameters()) == pytest.approx(3.3e6, abs=0.05e6)


def test_an_input_that_no_node_reads_costs_nothing():
    one_sided = CellGraph("normal", 2, (Node((1, 1), ("conv_1x1", "skip_connect")),))
    cell = CellModule(one_sided, 2, 8, 8, 4, halves=False, after_halving=False)
    assert cell.before_last is None
    x = torch.randn(2, 8, 6, 6)
    assert torch.equal(cell(torch.full_like(x, torch.nan), x), cell(x, x))


def test_the_input_from_before_a_reduction_is_halved():
    module = network()
    kinds = [isinstance(cell.before_last, FactorizedReduction) for cell in module.cells]
    assert kinds == [False, False, True, False, True]


@pytest.mark.parametrize(("reductions", "repeats", "cell"), [(2, 6, 13), (2, 1, 3), (1, 1, 1), (0, 1, 0), (0, 2, 0)])
def test_the_auxiliary_point_is_at_two_thirds(reductions, repeats, cell):
    module = network(reductions, repeats)
    assert module.auxiliary_point is module.cells[cell]
    assert not any("auxiliary" in name for name in module.state_dict())


def test_drop_path_only_affects_training():
    torch.manual_seed(0)
    module = network()
    x = torch.randn(4, 3, 16, 16)
    module.eval()
    before = module(x)
    set_drop_path(module, 0.5)
    assert torch.equal(module(x), before)
    module.train()
    assert not torch.equal(module(x), module(x))


def test_a_network_with_only_none_operations_is_constant():
    nothing = CellGraph("normal", 2, (Node((0, 1), ("none", "none")),))
    module = network(pair=CellPair(nothing), reductions=1)
    y = module(torch.randn(2, 3, 16, 16))
    assert torch.equal(y, module.classifier.bias.expand(2, 5))
    assert isinstance(module.classifier, nn.Linear)
