import pytest
import torch
from torch import nn

from archwright.train.averaged_sgd import NonMonotoneAveraging


def layer_of(value):
    layer = nn.Linear(1, 1, bias=False)
    set_to(layer, value)
    return layer


def set_to(layer, value):
    with torch.no_grad():
        layer.weight.fill_(value)


def validated(averaging, *losses):
    for loss in losses:
        averaging.validated(loss)
    return bool(averaging.means)


@pytest.mark.parametrize(
    ("losses", "triggers"),
    [
        ((5.0, 4.0, 3.0, 2.0, 1.0), False),  # always better
        ((5.0, 1.0, 2.0, 3.0), False),  # the best one is too young: only 5 is old enough
        ((5.0, 1.0, 2.0, 3.0, 1.5), True),  # two validations lie between 1 and 1.5
        ((1.0, 2.0), False),
        ((1.0, 2.0, 2.0), False),
        ((1.0, 2.0, 2.0, 1.5), True),
        ((1.0, 2.0, 2.0, 0.5), False),
    ],
)
def test_averaging_begins_when_a_validation_is_worse_than_the_best_of_all_but_the_last_two(losses, triggers):
    assert validated(NonMonotoneAveraging(layer_of(0.0), 2), *losses) == triggers


def test_the_mean_is_of_all_weights_since_the_trigger():
    layer = layer_of(100.0)
    averaging = NonMonotoneAveraging(layer, 0)
    averaging.step_done()
    validated(averaging, 1.0, 2.0)
    for value in (1.0, 2.0, 6.0):
        set_to(layer, value)
        averaging.step_done()
    with averaging.applied():
        assert layer.weight.item() == pytest.approx(3.0)
    assert layer.weight.item() == 6.0


def test_before_the_trigger_and_right_after_it_the_weights_are_not_averaged():
    layer = layer_of(4.0)
    averaging = NonMonotoneAveraging(layer, 0)
    for _ in range(2):
        with averaging.applied():
            assert layer.weight.item() == 4.0
        validated(averaging, 1.0, 2.0)


def test_an_error_while_averaged_weights_are_applied_restores_the_weights():
    layer = layer_of(2.0)
    averaging = NonMonotoneAveraging(layer, 0)
    validated(averaging, 1.0, 2.0)
    averaging.step_done()
    set_to(layer, 8.0)
    with pytest.raises(ZeroDivisionError), averaging.applied():
        1 / (layer.weight.item() - 2.0)
    assert layer.weight.item() == 8.0


def test_averaging_continues_from_its_saved_state():
    layer, other = layer_of(1.0), layer_of(0.0)
    averaging, resumed = NonMonotoneAveraging(layer, 1), NonMonotoneAveraging(other, 1)
    validated(averaging, 3.0, 1.0, 4.0)
    averaging.step_done()
    resumed.load_state_dict(averaging.state_dict())
    for one, of in ((averaging, layer), (resumed, other)):
        set_to(of, 5.0)
        one.step_done()
        one.validated(0.5)
    assert resumed.losses == averaging.losses == [3.0, 1.0, 4.0, 0.5]
    with averaging.applied(), resumed.applied():
        assert layer.weight.item() == other.weight.item() == pytest.approx(3.0)
