import subprocess

import pytest

from archwright.cost import energy
from archwright.cost.energy import energy_wh, gpu_watts


@pytest.fixture(autouse=True)
def _forget_gpus():
    gpu_watts.cache_clear()
    yield
    gpu_watts.cache_clear()


def test_an_hour_on_two_cores_is_24_watt_hours():
    assert energy_wh(3600, threads=2) == pytest.approx(24.0)
    assert energy_wh(0) == 0


def test_a_gpu_without_a_driver_counts_as_200_watts(monkeypatch):
    monkeypatch.setattr(energy.shutil, "which", lambda name: None)
    assert energy_wh(1800, threads=1, device="cuda:0") == pytest.approx((12 + 200) / 2)


def test_the_power_limit_of_the_gpu_is_read_from_the_driver(monkeypatch):
    def run(command, **_):
        return subprocess.CompletedProcess(command, 0, stdout={"--id=0": "700.00\n", "--id=1": "[N/A]\n"}[command[1]])

    monkeypatch.setattr(energy.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(energy.subprocess, "run", run)
    assert gpu_watts(0) == 700
    assert gpu_watts(1) == 200, "a card that does not tell counts as any card"
