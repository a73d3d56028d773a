from random import Random

import pytest
import torch

from archwright.data.problem import Problem
from archwright.errors import InputError, UnknownAnswer
from archwright.network.enas_macro_supernet import EnasMacroSupernet
from archwright.search_space.enas_macro import OPERATIONS, EnasMacro

IMAGES = Problem("images", "classification", (2, 9, 8), 3)
SPACE = EnasMacro(layers=4, filters=2).for_problem(IMAGES)


def choice_of(supernet, architecture):
    gates = supernet.gates_of(architecture)
    return {edge.name: edge.candidates[int(row.argmax())] for edge, row in zip(supernet.mixture.edges, gates, strict=True)}


def test_each_layer_mixes_its_operations_and_each_skip_with_its_absence():
    supernet = SPACE.supernet(IMAGES)
    assert isinstance(supernet, EnasMacroSupernet)
    found = {edge.name: edge.candidates for edge in supernet.mixture.edges}
    assert found == {
        "layer1/operation": OPERATIONS,
        "layer2/operation": OPERATIONS,
        "layer2/skip1": ("none", "skip"),
        "layer3/operation": OPERATIONS,
        "layer3/skip1": ("none", "skip"),
        "layer3/skip2": ("none", "skip"),
        "layer4/operation": OPERATIONS,
        "layer4/skip1": ("none", "skip"),
        "layer4/skip2": ("none", "skip"),
        "layer4/skip3": ("none", "skip"),
    }
    assert {edge.target for edge in supernet.mixture.edges} == set(found), "each for itself"
    assert {supernet.mixture.keeps(target) for target in supernet.mixture.targets} == {1}


def test_an_architectures_gates_match_its_answers():
    answers = {"layer1/operation": "conv_5x5", "layer2/operation": "max_pool_3x3", "layer2/skip1": True}
    answers |= {"layer3/operation": "sep_conv_3x3", "layer3/skip1": False, "layer3/skip2": True}
    answers |= {"layer4/operation": "conv_3x3", "layer4/skip1": True, "layer4/skip2": False, "layer4/skip3": False}
    supernet, architecture = SPACE.supernet(IMAGES), SPACE.architecture(answers)
    choice = choice_of(supernet, architecture)
    words = {True: "skip", False: "none"}
    assert choice == {name: words.get(answer, answer) for name, answer in answers.items()}
    assert supernet.architecture_of(choice) == architecture


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"layer1/operation": "skip"}, "'layer1/operation' has no option"),
        ({"layer2/skip1": "conv_3x3"}, "'layer2/skip1' has no option 'conv_3x3'"),
        ({"layer9/skip1": "skip"}, "does not ask 'layer9/skip1'"),
    ],
)
def test_a_choice_of_an_unknown_candidate_is_refused(change, told):
    supernet = SPACE.supernet(IMAGES)
    choice = {**choice_of(supernet, SPACE.sample(Random(0))), **change}
    with pytest.raises(UnknownAnswer, match=told):
        supernet.architecture_of(choice)


def test_a_choice_that_leaves_an_edge_out_is_refused():
    supernet = SPACE.supernet(IMAGES)
    choice = {name: one for name, one in choice_of(supernet, SPACE.sample(Random(0))).items() if name != "layer3/skip2"}
    with pytest.raises(UnknownAnswer, match="no answer to 'layer3/skip2'"):
        supernet.architecture_of(choice)


def test_each_layer_has_separate_weights_for_each_operation():
    supernet = SPACE.supernet(IMAGES)
    assert [list(layer.operations) for layer in supernet.layers] == [list(OPERATIONS)] * 4
    gates = supernet.gates_of(SPACE.sample(Random(1)))
    supernet(torch.randn(4, 2, 9, 8), gates).square().sum().backward()
    for k, layer in enumerate(supernet.layers, 1):
        row = next(number for number, edge in enumerate(supernet.mixture.edges) if edge.name == f"layer{k}/operation")
        moved = [any(p.grad is not None for p in operation.parameters()) for operation in layer.operations.values()]
        assert moved == (gates[row, : len(OPERATIONS)] > 0).tolist()


def test_a_skip_gate_weights_the_earlier_layers_output():
    """With two layers, halving the skip's gate is equivalent to halving the first layer's output in the sum."""
    space = EnasMacro(layers=2, filters=2, reductions=0)
    torch.manual_seed(0)
    supernet = space.supernet(IMAGES).double().train()
    sums = []
    supernet.layers[1].norm.register_forward_hook(lambda _, inputs, __: sums.append(inputs[0]))
    gates = supernet.gates_of(
        space.architecture({"layer1/operation": "conv_3x3", "layer2/operation": "conv_3x3", "layer2/skip1": True})
    )
    x = torch.randn(4, 2, 9, 8, dtype=torch.float64)
    for gate in (0.0, 0.5, 1.0):
        gates[2, 1] = gate
        supernet(x, gates)
    torch.testing.assert_close(sums[1], (sums[0] + sums[2]) / 2)
    assert not torch.allclose(sums[0], sums[2])


def test_a_skip_across_a_reduction_is_halved_only_while_its_gate_is_open():
    space = EnasMacro(layers=3, filters=2, reductions=2)
    supernet = space.supernet(IMAGES)
    assert [sorted(level) for level in supernet.reductions] == [["1"], ["1", "2"]]
    calls = []
    supernet.reductions[1]["1"].register_forward_hook(lambda *_: calls.append("again"))
    for skip in (False, True):
        answers = {f"layer{k}/operation": "conv_3x3" for k in (1, 2, 3)}
        answers |= {"layer2/skip1": False, "layer3/skip1": skip, "layer3/skip2": False}
        supernet(torch.randn(2, 2, 9, 8), supernet.gates_of(space.architecture(answers)))
        assert len(calls) == skip


def test_a_layer_without_any_operation_is_an_error():
    supernet = SPACE.supernet(IMAGES)
    gates = supernet.gates_of(SPACE.sample(Random(0)))
    gates[0] = 0.0
    with pytest.raises(InputError, match="all gates of 'layer1/operation' are zero"):
        supernet(torch.randn(2, 2, 9, 8), gates)


@pytest.mark.parametrize("option", [{"partial_channels": 2}, {"auxiliary_skip": True}])
def test_options_of_cells_only_are_refused(option):
    with pytest.raises(InputError, match="space 'enas_macro' has neither partial channels nor auxiliary skips: use space 'cell'"):
        SPACE.supernet(IMAGES, **option)
