import subprocess
import sys

import pytest
from torch import nn

from archwright.cost.memory import peak_memory_mb, training_memory_mb

GROW = """
from archwright.cost.memory import peak_memory_mb
before = peak_memory_mb()
block = bytearray(300_000_000)
during = peak_memory_mb()
del block
print(before, during, peak_memory_mb())
"""


def test_the_peak_grows_by_the_memory_held_and_does_not_fall_again():
    printed = subprocess.run([sys.executable, "-c", GROW], capture_output=True, text=True, check=True).stdout
    before, during, after = map(float, printed.split())
    assert 290 < during - before < 320
    assert after >= during - 1


def test_the_peak_has_the_size_of_a_process_with_torch():
    assert 50 < peak_memory_mb() < 20_000


def test_training_memory_of_two_linear_layers_matches_a_count_by_hand():
    network = nn.Sequential(nn.Linear(100, 200, bias=False), nn.ReLU(), nn.Linear(200, 10, bias=False))
    weights = 100 * 200 + 200 * 10
    kept = 64 * (100 + 200)  # the first layer's input, and the ReLU's output, which is also the second layer's input
    assert training_memory_mb(network, (100,), batch_size=64) == pytest.approx(4 * (3 * weights + kept) / 1e6)
    assert training_memory_mb(network, (100,), 64, optimizer="adamw") == pytest.approx(4 * (4 * weights + kept) / 1e6)


def test_estimating_training_memory_does_not_change_the_module():
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)).eval()
    training_memory_mb(network, (1, 8, 8), 2)
    assert not network.training
    assert network[0].weight.device.type == "cpu"
