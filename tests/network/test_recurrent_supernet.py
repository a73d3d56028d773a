"""The mixture of recurrent cells compared with its equations, and the requirements on a choice of edges."""

import pytest
import torch

from archwright.data.problem import Problem
from archwright.errors import InputError
from archwright.network.supernet import Edge
from archwright.search_space.recurrent import ACTIVATIONS, Recurrent

TEXT = Problem("toy", "language_modelling", (4,), outputs=5)
FUNCTIONS = {"tanh": torch.tanh, "relu": torch.relu, "identity": lambda z: z, "sigmoid": torch.sigmoid}


def supernet(**settings):
    torch.manual_seed(0)
    return Recurrent(**{"nodes": 3, "width": 4, **settings}).supernet(TEXT).double()


def test_there_is_an_edge_for_each_pair_and_one_is_kept_into_each_node():
    mixture = supernet().mixture
    assert mixture.edges[:3] == (Edge("0->1", ACTIVATIONS, "1"), Edge("0->2", ACTIVATIONS, "2"), Edge("1->2", ACTIVATIONS, "2"))
    assert len(mixture.edges) == 6
    assert mixture.edges_kept == {"1": 1, "2": 1, "3": 1}


@pytest.mark.parametrize("highway", [False, True])
@pytest.mark.parametrize("averaged", ["loose_ends", "all_nodes"])
def test_a_mixture_agrees_with_its_equations(highway, averaged):
    """Each candidate of each edge separately, one step, term by term."""
    net = supernet(highway=highway, averaged=averaged)
    cell, gates = net.model.recurrence.recurrence, torch.rand(6, 4, dtype=torch.float64)
    x, h = torch.randn(1, 2, 4, dtype=torch.float64), torch.randn(2, 4, dtype=torch.float64)
    states, names = {0: h}, [edge.name for edge in net.mixture.edges]
    for target in (1, 2, 3):
        terms, total = torch.zeros(2, 4, dtype=torch.float64), 0.0
        for source in range(target):
            name = f"{source}->{target}"
            product = torch.einsum("bi,ipo->pbo", states[source], cell.edges.of_states[name])
            if source == 0:
                product = product + torch.einsum("bi,ipo->pbo", x[0], cell.edges.of_inputs[name])
            for k, activation in enumerate(ACTIVATIONS):
                gate, new = gates[names.index(name), k], FUNCTIONS[activation](product[0])
                if highway:
                    new = states[source] + product[1].sigmoid() * (new - states[source])
                terms, total = terms + gate * new, total + gate
        states[target] = terms / total
    strength = {name: row.sum() for name, row in zip(names, gates, strict=True)}
    into = {target: sum(strength[f"{source}->{target}"] for source in range(target)) for target in (1, 2, 3)}
    loose = [
        (1 - strength["1->2"] / into[2]) * (1 - strength["1->3"] / into[3]) if averaged == "loose_ends" else 1.0,
        1 - strength["2->3"] / into[3] if averaged == "loose_ends" else 1.0,
        1.0,
    ]
    expected = sum(weight * states[node] for node, weight in enumerate(loose, start=1)) / sum(loose)
    torch.testing.assert_close(cell(x, h, gates)[1], expected)


def test_the_scale_of_the_gates_into_a_node_does_not_matter():
    net, tokens = supernet(), torch.randint(5, (2, 4))
    gates = torch.rand(6, 4, dtype=torch.float64)
    scaled = gates * torch.tensor([2.0, 3.0, 3.0, 0.1, 0.1, 0.1])[:, None]
    model = net.model.eval()
    first = model(tokens, gates)
    model.recurrence.state = None
    torch.testing.assert_close(model(tokens, scaled), first)


def test_a_choice_without_exactly_one_edge_into_a_node_is_an_error():
    net = supernet()
    with pytest.raises(InputError, match="node 2 has 2 edges"):
        net.architecture_of({"0->1": "tanh", "0->2": "relu", "1->2": "relu", "2->3": "tanh"})
    with pytest.raises(InputError, match="node 3 has 0 edges"):
        net.architecture_of({"0->1": "tanh", "0->2": "relu"})


def test_hidden_dropout_is_one_mask_for_all_steps_of_a_mixture():
    net, tokens = supernet(), torch.randint(5, (2, 4))
    gates = torch.full((6, 4), 0.25, dtype=torch.float64)
    net.model.recurrence.recurrence.dropout.probability = 0.5
    outputs = []
    for seed in (1, 1, 2):
        net.model.recurrence.state = None
        torch.manual_seed(seed)
        outputs.append(net(tokens, gates))
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.allclose(outputs[0], outputs[2])
