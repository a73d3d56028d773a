import pytest

from archwright.architecture.layer_graph import Layer, LayerGraph, levels


@pytest.mark.parametrize(
    ("layers", "reductions", "after"),
    [
        (12, 2, [4, 8]),  # the paper's thirds
        (24, 2, [8, 16]),
        (6, 2, [2, 4]),
        (7, 2, [2, 4]),
        (6, 1, [3]),
        (5, 0, []),
        (3, 2, [1, 2]),
        (2, 1, [1]),
        (8, 3, [2, 4, 6]),
    ],
)
def test_sizes_halve_after_equal_parts_of_the_layers(layers, reductions, after):
    own = levels(layers, reductions)
    assert own[:2] == (0, 0), "the stem and the first layer have the full size"
    assert [k for k in range(1, layers) if own[k + 1] > own[k]] == after
    assert own[-1] == reductions


def test_every_part_has_a_layer():
    for layers in range(1, 12):
        for reductions in range(layers):
            assert set(levels(layers, reductions)[1:]) == set(range(reductions + 1))


def test_the_states_read_after_a_reduction_are_halved():
    """Layers 1, 2 | 3, 4 | 5, 6. Layer 5 adds layer 1, layer 4 adds layer 2, layer 6 adds what has its size."""
    skips = [(), (1,), (), (2,), (1,), (5,)]
    graph = LayerGraph(tuple(Layer("conv", own) for own in skips), reductions=2, filters=1)
    assert graph.levels == (0, 0, 0, 1, 1, 2, 2)
    assert graph.halved == [[1, 2], [1, 4]]  # layer 2 before layer 3 anyway, layer 1 on its way to layer 5


def test_without_skips_only_the_layer_before_is_halved():
    graph = LayerGraph((Layer("conv", ()),) * 6, reductions=2, filters=1)
    assert graph.halved == [[2], [4]]
