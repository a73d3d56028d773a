import pytest
import torch
from torch import Tensor, nn

from archwright.ops.carried_state import CarriedState, begin_stream, carries_state, separate_stream


class Sum(nn.Module):
    """Weighted running sum: after step t it is w * (x_1 + ... + x_t)."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def initial(self, batch: int, like: Tensor) -> Tensor:
        return like.new_zeros(batch, like.shape[-1])

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        outputs = state + (self.weight * x).cumsum(dim=0)
        return outputs, outputs[-1]


class TwoStates(Sum):
    def initial(self, batch: int, like: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return super().initial(batch, like), super().initial(batch, like)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:  # type: ignore[override]
        outputs, after = super().forward(x, state[0])
        return outputs, (after, state[1] + 1)


@pytest.mark.parametrize("recurrence", [Sum, TwoStates])
def test_two_segments_give_the_same_result_as_the_whole_sequence(recurrence):
    x = torch.randn(6, 2, 3)
    whole, pieces = CarriedState(recurrence()), CarriedState(recurrence())
    torch.testing.assert_close(torch.cat([pieces(x[:4]), pieces(x[4:])]), whole(x))


def test_gradients_do_not_cross_segment_boundaries():
    x, carried = torch.ones(4, 1, 1), CarriedState(Sum())
    carried(x)
    (gradient,) = torch.autograd.grad(carried(x)[-1].sum(), carried.recurrence.weight)
    assert gradient == 4  # of the second piece alone, and not the 8 of both


def test_begin_stream_resets_the_state():
    x, network = torch.ones(2, 1, 1), nn.Sequential(CarriedState(Sum()))
    assert [network(x)[-1].item(), network(x)[-1].item()] == [2, 4]
    begin_stream(network)
    assert network(x)[-1].item() == 2


def test_a_batch_of_another_size_resets_the_state():
    carried = CarriedState(Sum())
    carried(torch.ones(2, 3, 1))
    assert carried(torch.ones(2, 1, 1))[-1].item() == 2


def test_another_device_resets_the_state():
    carried = CarriedState(Sum())
    carried(torch.ones(2, 1, 1))
    assert carried.to("meta")(torch.ones(2, 1, 1, device="meta")).shape == (2, 1, 1)


def test_a_separate_stream_restores_the_previous_state_even_after_an_error():
    x, carried = torch.ones(2, 1, 1), CarriedState(Sum())
    carried(x)
    with separate_stream(carried):
        assert carried(x)[-1].item() == 2
    with pytest.raises(IndexError), separate_stream(carried):
        carried(x)[9]
    assert carried(x)[-1].item() == 4


def test_a_state_from_inference_mode_can_be_used_in_training():
    x, carried = torch.ones(2, 1, 1), CarriedState(Sum())
    with torch.inference_mode():
        carried(x)
    carried(x).sum().backward()
    assert carried.recurrence.weight.grad == 3


def test_states_are_not_in_the_state_dict():
    carried = CarriedState(Sum())
    carried(torch.ones(2, 1, 1))
    assert list(carried.state_dict()) == ["recurrence.weight"]
    assert carries_state(nn.Sequential(carried))
    assert not carries_state(nn.Linear(1, 1))
