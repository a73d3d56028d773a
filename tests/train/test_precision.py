import logging

import pytest
import torch
from torch import nn

from archwright.errors import InputError
from archwright.train import precision as module
from archwright.train.precision import (
    TrainingPrecision,
    choose_precision,
    dense_and_grouped_macs,
    make_fabric,
    precision_options,
    time_steps,
    untouched_randomness,
)

CPU = torch.device("cpu")
IMAGE = (8, 16, 16)


def dense(width=32):
    return nn.Sequential(nn.Conv2d(8, width, 3, padding=1), nn.Conv2d(width, 16, 3, padding=1))


def separable():
    return nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 256, 1))


@pytest.fixture
def _bfloat16_cpu(monkeypatch):
    monkeypatch.setattr(module, "_computes_in_bfloat16", lambda: True)


def test_macs_of_dense_and_grouped_convolutions_are_counted_separately():
    pixels = 16 * 16
    assert dense_and_grouped_macs(separable(), IMAGE) == (pixels * 8 * 256, pixels * 9 * 8)
    assert dense_and_grouped_macs(nn.Linear(7, 3), (7,)) == (21, 0)
    assert dense_and_grouped_macs(nn.Conv1d(4, 6, 5), (4, 10)) == (6 * 6 * 4 * 5, 0)


@pytest.mark.usefixtures("_bfloat16_cpu")
@pytest.mark.parametrize(
    ("network", "shape", "number"),
    [
        (dense(), IMAGE, "bfloat16"),
        (dense(1), IMAGE, "float32"),
        (separable(), IMAGE, "float32"),
        (nn.Linear(1000, 1000), (1000,), "bfloat16"),
        (nn.Linear(64, 64), (64,), "float32"),
    ],
)
def test_auto_takes_bfloat16_for_large_dense_products(network, shape, number):
    chosen = choose_precision("auto", network, shape, CPU)
    assert chosen == TrainingPrecision(number, channels_last=len(shape) == 3)


def test_auto_takes_float32_if_the_cpu_has_no_bfloat16_arithmetic(monkeypatch):
    monkeypatch.setattr(module, "_computes_in_bfloat16", lambda: False)
    assert choose_precision("auto", dense(), IMAGE, CPU).number == "float32"
    assert {option.number for option in precision_options(IMAGE, CPU)} == {"float32"}


@pytest.mark.usefixtures("_bfloat16_cpu")
def test_the_options_on_a_cpu_are_both_number_formats_with_channels_last():
    assert precision_options(IMAGE, CPU) == [TrainingPrecision("float32", True), TrainingPrecision("bfloat16", True)]
    assert precision_options((100,), CPU) == [TrainingPrecision("float32", False), TrainingPrecision("bfloat16", False)]


def test_a_requested_precision_is_used():
    assert choose_precision("bf16", separable(), IMAGE, CPU).number == "bfloat16"
    assert choose_precision("32", dense(), IMAGE, CPU).number == "float32"


def test_float16_on_a_cpu_is_refused():
    with pytest.raises(InputError, match="bf16"):
        choose_precision("16", dense(), IMAGE, CPU)


@pytest.mark.parametrize("precision", [TrainingPrecision("bfloat16", True), TrainingPrecision("float32", False)])
def test_a_precision_survives_a_round_trip_through_text(precision):
    assert TrainingPrecision.from_text(str(precision)) == precision


@pytest.mark.parametrize("number", ["float32", "bfloat16"])
def test_fabric_runs_the_network_in_that_precision_and_prints_nothing(number, caplog, capfd):
    seen = []
    layer = nn.Linear(4, 4)
    layer.register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    with caplog.at_level(logging.INFO):
        forward = make_fabric(CPU, TrainingPrecision(number)).setup(layer)
    assert forward(torch.zeros(2, 4)).dtype == torch.float32
    assert seen == [getattr(torch, number)]
    assert layer.weight.dtype == torch.float32
    assert (caplog.text, *capfd.readouterr()) == ("", "", "")


def test_a_measurement_does_not_change_the_random_states():
    torch.manual_seed(3)
    with untouched_randomness():
        torch.rand(10)
    drawn = torch.rand(4)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(4))


def test_slow_steps_are_timed_less_often(monkeypatch):
    clock = iter(range(0, 1000, 3))
    monkeypatch.setattr(module.time, "perf_counter", lambda: float(next(clock)))
    calls = []
    assert time_steps(lambda: calls.append(1), CPU) == 3.0
    assert len(calls) == 2


def steps_that_take(seconds, monkeypatch):
    """A step that advances the clock by the next of these seconds."""
    now, left = [0.0], iter(seconds)
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(module.torch.cuda, "synchronize", lambda device: None)
    return lambda: now.__setitem__(0, now[0] + next(left))


def test_on_a_cpu_one_step_that_is_far_too_slow_is_enough(monkeypatch):
    assert time_steps(steps_that_take([5.0, 0.1, 0.1], monkeypatch), CPU, hopeless=1.0) == 5.0


def test_the_first_steps_on_a_gpu_do_not_count(monkeypatch):
    gpu = torch.device("cuda", 0)
    assert time_steps(steps_that_take([5.0, 1.5, 0.1, 0.25, 0.25], monkeypatch), gpu, hopeless=1.0) == 0.25
    assert time_steps(steps_that_take([5.0, 1.5, 1.25], monkeypatch), gpu, hopeless=1.0) == 1.25
