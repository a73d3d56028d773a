import time

import torch
from torch import nn

from archwright.cost.latency import latency_ms


class Sleepy(nn.Module):
    """Takes 50 ms the first three times and 5 ms from then on."""

    def __init__(self):
        super().__init__()
        self.calls = 0
        self.shapes = set()

    def forward(self, x):
        self.calls += 1
        self.shapes.add(tuple(x.shape))
        time.sleep(0.05 if self.calls <= 3 else 0.005)
        return x


def test_the_median_in_milliseconds_without_the_warm_up():
    module = Sleepy()
    measured = latency_ms(module, (2, 3), repeats=5, warm_up=3)
    assert 5 <= measured < 40
    assert module.calls == 8
    assert module.shapes == {(1, 2, 3)}


def test_modes_are_restored_and_running_statistics_are_unchanged():
    module = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout().eval()).train()
    module[1].eval()
    latency_ms(module, (3,), repeats=1, warm_up=0)
    assert module[0].training
    assert not module[1].training
    assert torch.equal(module[0].running_var, torch.ones(3))
