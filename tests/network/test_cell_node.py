import torch

from archwright.architecture.cell_graph import Node
from archwright.network.cell_node import NodeModule
from archwright.ops.drop_path import DropPath, set_drop_path


def test_a_node_sums_its_operations():
    node = NodeModule(Node((0, 2), ("skip_connect", "avg_pool_3x3")), 1, 2, (1, 1, 1))
    states = [torch.randn(3, 2, 5) for _ in range(3)]
    pooled = torch.nn.functional.avg_pool1d(states[2], 3, 1, 1, count_include_pad=False)
    assert torch.allclose(node(states, states[1]), states[0] + pooled)


def test_a_node_without_edges_gives_zeros_of_the_cells_size():
    node = NodeModule(Node((0, 1), ("none", "none")), 2, 2, (2, 2))
    last = torch.randn(3, 7, 5, 6)
    assert torch.equal(node([last, last], last), torch.zeros(3, 2, 3, 3))


def test_drop_path_applies_to_all_but_the_identity():
    torch.manual_seed(0)
    node = NodeModule(Node((0, 0), ("skip_connect", "max_pool_3x3")), 1, 1, (1,))
    assert sum(isinstance(module, DropPath) for module in node.modules()) == 1
    set_drop_path(node, 0.5)
    y = node([torch.ones(400, 1, 4)], torch.ones(400, 1, 4))
    assert set(y.unique().tolist()) == {1.0, 3.0}
