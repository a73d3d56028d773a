import pytest
import torch

from archwright.errors import InputError
from archwright.network.edge_gates import OpenGates


def opened(values, *, learns=False):
    return OpenGates.of(torch.tensor(values, requires_grad=learns), values, "stage0/depth")


def test_only_nonzero_gates_are_open():
    gates = opened([0.25, 0.0, -0.5, 0.0])
    assert gates.numbers == (0, 2)
    assert gates.weights.tolist() == [0.25, -0.5]


def test_the_terms_are_summed_by_their_gates():
    terms = [torch.tensor([[1.0, 2.0]]), torch.tensor([[10.0, 20.0]])]
    assert opened([0.5, 0.0, 0.25]).mix(terms).tolist() == [[3.0, 6.0]]


def test_the_gate_of_an_open_candidate_gets_a_gradient_and_no_other():
    gates = torch.tensor([0.0, 1.0, 0.5], requires_grad=True)
    OpenGates.of(gates, [0.0, 1.0, 0.5], "e").mix([torch.full((2, 3), 2.0), torch.full((2, 3), 5.0)]).sum().backward()
    assert gates.grad.tolist() == [0.0, 12.0, 30.0]


@pytest.mark.parametrize(
    ("values", "learns", "fixed"), [([0.0, 1.0], False, True), ([0.0, 1.0], True, False), ([0.0, 0.9], False, False)]
)
def test_one_candidate_with_a_fixed_gate_of_one_is_not_multiplied(values, learns, fixed):
    gates, term = opened(values, learns=learns), torch.ones(2)
    assert gates.numbers == (1,)
    assert (gates.weights is None) == fixed
    assert (gates.mix([term]) is term) == fixed


def test_an_error_about_zero_gates_names_the_edge():
    with pytest.raises(
        InputError, match="all gates of 'stage0/depth' are zero: at least one of its 3 candidates needs a nonzero gate"
    ):
        opened([0.0, 0.0, 0.0])
