import pytest
import torch

from archwright.cost.macs import multiply_accumulates
from archwright.cost.parameters import parameter_count
from archwright.network.chain_description import Chain, ChainStage
from archwright.network.chain_network import Block, ChainNetwork
from archwright.ops.drop_path import set_drop_path


def one_stage(operation, *, depth=1, connectivity="plain", kernel=None, expansion=None, width=8):
    return Chain((ChainStage(depth, width, operation, connectivity, kernel, expansion),), "relu")


@pytest.mark.parametrize(
    ("chain", "weights", "per_position"),
    [
        (one_stage("conv", kernel=3), 2 * (9 * 64 + 16), 2 * 9 * 64),
        (one_stage("conv", kernel=5, depth=3), 3 * 2 * (25 * 64 + 16), 3 * 2 * 25 * 64),
        (one_stage("separable", kernel=5), 2 * (25 * 8 + 64 + 16), 2 * (25 * 8 + 64)),
        (one_stage("bottleneck"), 2 * 8 * 4 + 9 * 16 + 8 + 8 + 16, 2 * 8 * 4 + 9 * 16),
        (one_stage("mbconv", kernel=3, expansion=4), 2 * 8 * 32 + 9 * 32 + 64 + 64 + 16, 2 * 8 * 32 + 9 * 32),
        (one_stage("conv", kernel=3, connectivity="residual"), 2 * (9 * 64 + 16), 2 * 9 * 64),
        (
            one_stage("conv", kernel=3, connectivity="dense", depth=2),
            (9 * 8 * 4 + 8 + 9 * 16 + 8) + (9 * 12 * 4 + 8 + 9 * 16 + 8) + (16 * 8 + 16),
            9 * 8 * 4 + 9 * 16 + 9 * 12 * 4 + 9 * 16 + 16 * 8,
        ),
    ],
)
def test_weights_and_macs_of_each_operation_counted_by_hand(chain, weights, per_position):
    stem, head = 9 * 3 * 8 + 16, 8 * 5 + 5
    network = ChainNetwork(chain, (3, 6, 7), 5)
    assert parameter_count(network) == stem + weights + head
    assert multiply_accumulates(network, (3, 6, 7)) == 42 * (9 * 3 * 8 + per_position) + 8 * 5


def test_weights_for_flat_features_counted_by_hand():
    network = ChainNetwork(Chain((ChainStage(2, 8, "linear", "plain"), ChainStage(1, 8, "linear", "residual")), "relu"), (3,), 5)
    assert parameter_count(network) == (3 * 8 + 16) + 2 * (64 + 16) + (64 + 16) + (64 + 16) + (8 * 5 + 5), "one between the stages"


def test_a_stage_that_pools_has_a_projection_even_if_its_width_stays():
    stages = (ChainStage(1, 8, "separable", "plain", 3), ChainStage(1, 8, "separable", "plain", 3, None, "max"))
    one, two = (ChainNetwork(Chain(stages[:count], "relu"), (3, 8, 8), 5) for count in (1, 2))
    block = 2 * (9 * 8 + 64 + 16)
    assert parameter_count(two) - parameter_count(one) == (64 + 16) + block


def test_a_residual_block_adds_its_input_and_drops_its_branch():
    torch.manual_seed(0)
    block = Block(2, ChainStage(1, 8, "conv", "residual", 3), "relu").train()
    x = torch.rand(4, 8, 5, 5)
    with torch.no_grad():
        assert torch.allclose(block.eval()(x), (x + block.branch(x)).relu())
        set_drop_path(block, 0.999999)
        assert torch.equal(block.train()(x), x), "positive inputs pass the ReLU as they are"


def test_mbconv_stays_linear_after_the_block():
    torch.manual_seed(0)
    block = Block(1, ChainStage(1, 8, "mbconv", "plain", 3, 2), "relu").eval()
    assert block(torch.randn(4, 8, 9)).min() < 0


def test_pooling_is_of_the_requested_kind():
    x = torch.randn(2, 1, 8, 8)
    outputs = []
    for pooling in ("stride", "max", "average"):
        torch.manual_seed(0)
        network = ChainNetwork(
            Chain((ChainStage(1, 4, "conv", "plain", 3), ChainStage(1, 4, "conv", "plain", 3, None, pooling)), "relu"), (1, 8, 8), 2
        )
        outputs.append(network.eval()(x))
    assert not torch.allclose(outputs[0], outputs[1])
    assert not torch.allclose(outputs[1], outputs[2])


def test_no_weight_is_stored_twice():
    network = ChainNetwork(one_stage("conv", kernel=3, depth=2), (1, 8, 8), 2)
    stored = [tensor.data_ptr() for tensor in network.state_dict().values() if tensor.numel() > 1]
    assert len(stored) == len(set(stored)), "the auxiliary point is a pointer, not a second copy"
