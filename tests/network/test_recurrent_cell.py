"""The recurrent cell compared with numpy: the paper's worked example, the highway, streams and dropout."""

from random import Random

import numpy as np
import pytest
import torch

from archwright.architecture.recurrent_cell import RecurrentCell
from archwright.network.recurrent_cell import RecurrentCellModule
from archwright.search_space.recurrent import Recurrent

PAPER = (0, 1, 2, 1), ("tanh", "relu", "relu", "tanh")
WIDTH, BATCH, STEPS = 3, 2, 5
FUNCTIONS = {
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "identity": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
}


def made(cell):
    torch.manual_seed(0)
    module = RecurrentCellModule(cell, WIDTH).double().eval()
    x, state = torch.randn(STEPS, BATCH, WIDTH, dtype=torch.float64), torch.randn(BATCH, WIDTH, dtype=torch.float64)
    return module, x, state


def matrices(module):
    """The matrices of the state and those of x_t, by edge, as arrays (H, parts, H)."""
    return tuple(
        {name: matrix.detach().numpy() for name, matrix in part.items()}
        for part in (module.edges.of_states, module.edges.of_inputs)
    )


def test_the_worked_example_of_the_paper():
    """Pham et al. 2018, arXiv:1802.03268, section 2.1: four nodes, output (h3 + h4) / 2."""
    module, x, state = made(RecurrentCell(*PAPER))
    (of_states, of_inputs), h = matrices(module), state.numpy()
    w_x, w_h, w_21, w_32, w_41 = (
        m[:, 0] for m in (of_inputs["0->1"], of_states["0->1"], of_states["1->2"], of_states["2->3"], of_states["1->4"])
    )
    expected = []
    for x_t in x.numpy():
        h1 = np.tanh(x_t @ w_x + h @ w_h)
        h2 = np.maximum(h1 @ w_21, 0)
        h3 = np.maximum(h2 @ w_32, 0)
        h4 = np.tanh(h1 @ w_41)
        h = (h3 + h4) / 2
        expected.append(h)
    outputs, last = module(x, state)
    np.testing.assert_allclose(outputs.detach(), np.stack(expected), atol=1e-12)
    assert torch.equal(last, outputs[-1])
    assert sum(parameter.numel() for parameter in module.parameters()) == 5 * WIDTH**2


def by_hand(cell, module, x, h):
    """Any cell, node by node, with numpy."""
    of_states, of_inputs = matrices(module)
    for x_t in x:
        states = {0: h}
        for node, source, activation in zip(cell.nodes, cell.sources, cell.activations, strict=True):
            before = states[source]
            product = np.einsum("bi,ipo->pbo", before, of_states[f"{source}->{node}"])
            if source == 0:
                product = product + np.einsum("bi,ipo->pbo", x_t, of_inputs[f"0->{node}"])
            new = FUNCTIONS[activation](product[0])
            if cell.highway:
                gate = FUNCTIONS["sigmoid"](product[1])
                new = gate * new + (1 - gate) * before
            states[node] = new
        h = np.mean([states[node] for node in cell.outputs], axis=0)
        yield h


@pytest.mark.parametrize("highway", [False, True])
@pytest.mark.parametrize("averaged", ["loose_ends", "all_nodes"])
def test_any_cell_agrees_with_its_equations(highway, averaged):
    space = Recurrent(nodes=6, highway=highway, averaged=averaged)
    for seed in range(8):
        cell = space.describe(space.sample(Random(seed)))
        module, x, state = made(cell)
        expected = np.stack(list(by_hand(cell, module, x.numpy(), state.numpy())))
        np.testing.assert_allclose(module(x, state)[0].detach(), expected, atol=1e-12)


def test_the_gradient_agrees_with_finite_differences():
    module, x, state = made(RecurrentCell((0, 0, 1, 2, 2), ("tanh", "sigmoid", "identity", "tanh", "sigmoid"), highway=True))
    names = [name for name, _ in module.named_parameters()]
    weights = tuple(parameter.detach().requires_grad_() for parameter in module.parameters())

    def run(x, state, *weights):
        return torch.func.functional_call(module, dict(zip(names, weights, strict=True)), (x, state))[0]

    assert torch.autograd.gradcheck(run, (x.requires_grad_(), state.requires_grad_(), *weights), fast_mode=True)


def test_two_consecutive_segments_equal_the_whole_sequence():
    module, x, _ = made(RecurrentCell(*PAPER, highway=True))
    whole, end = module(x, module.initial(BATCH, x))
    first, state = module(x[:2], module.initial(BATCH, x))
    second, last = module(x[2:], state)
    torch.testing.assert_close(torch.cat([first, second]), whole)
    torch.testing.assert_close(last, end)


def test_dropped_features_of_a_state_are_read_by_no_node_at_any_step():
    module, x, _ = made(RecurrentCell((0,), ("identity",)))
    module.dropout.probability = 0.5
    module.train()
    with torch.no_grad():
        module.edges.of_states["0->1"].copy_(torch.eye(WIDTH)[:, None])
        module.edges.of_inputs["0->1"].copy_(torch.eye(WIDTH)[:, None])
    outputs, _ = module(torch.ones(STEPS, 50, WIDTH, dtype=torch.float64), torch.zeros(50, WIDTH, dtype=torch.float64))
    scales = outputs[1:] - 1  # of the state before, which is at least 1
    kept = scales > 0
    assert (kept == kept[0]).all()
    assert 0.3 < kept.double().mean() < 0.7
    torch.testing.assert_close(scales[0], 2.0 * kept[0].double())
    assert torch.equal(module.eval()(x, x[0])[0], module(x, x[0])[0])


def test_weights_are_initialised_within_one_over_the_root_of_the_width():
    torch.manual_seed(0)
    module = RecurrentCellModule(RecurrentCell(*PAPER), 100)
    for parameter in module.parameters():
        assert 0.099 < parameter.abs().max() <= 0.1
        assert abs(parameter.mean()) < 0.005


@pytest.mark.parametrize("highway", [False, True])
def test_mixed_precision_is_close_to_full_precision(highway):
    torch.manual_seed(0)
    module = RecurrentCellModule(RecurrentCell(*PAPER, highway=highway), 16)
    x, state = torch.randn(STEPS, BATCH, 16), torch.zeros(BATCH, 16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs, last = module(x, state)
        again, _ = module(x, last)
    again.float().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in module.parameters())
    torch.testing.assert_close(outputs.float(), module(x, state)[0], atol=0.02, rtol=0.05)
