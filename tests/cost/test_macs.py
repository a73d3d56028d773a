import pytest
import torch
from torch import nn

from archwright.cost.macs import multiply_accumulates


@pytest.mark.parametrize(
    ("module", "input_shape", "by_hand"),
    [
        (nn.Conv2d(3, 16, 3, padding=1), (3, 28, 28), 28 * 28 * 16 * 3 * 9),
        (nn.Conv2d(3, 16, 3, padding=1, stride=2), (3, 28, 28), 14 * 14 * 16 * 3 * 9),
        (nn.Conv2d(16, 16, 5, padding=2, groups=16), (16, 10, 12), 10 * 12 * 16 * 25),
        (nn.Conv2d(16, 32, 3, groups=4, bias=False), (16, 10, 10), 8 * 8 * 32 * 4 * 9),
        (nn.Conv1d(4, 6, 7, padding=3), (4, 50), 50 * 6 * 4 * 7),
        (nn.Linear(64, 10), (64,), 640),
        (nn.Linear(64, 10, bias=False), (64,), 640),
        (nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 9, 5)), (1, 3, 3), 18 + 90),
    ],
    ids=str,
)
def test_macs_of_one_sample_match_a_count_by_hand(module, input_shape, by_hand):
    macs = multiply_accumulates(module, input_shape)
    assert macs == by_hand
    assert type(macs) is int


def test_counting_macs_does_not_change_the_module():
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout()).train()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    multiply_accumulates(module, (1, 8, 8))
    assert module.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
