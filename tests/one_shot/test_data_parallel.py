"""Two processes that end as one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import archwright
from archwright.one_shot.data_parallel import average, averaged_gradients, own_share

SCRIPT = Path(__file__).with_name("two_processes.py")


class Two:
    """As Fabric is in the second of two processes, whose other gave tensors of ones."""

    world_size, global_rank = 2, 1

    def all_reduce(self, tensor, reduce_op):
        assert reduce_op == "sum"
        return tensor + 1.0


def test_tensors_become_their_mean_in_one_exchange():
    tensors = [torch.tensor([[1.0, 3.0], [5.0, 7.0]]).T, torch.tensor(9.0)]
    average(tensors, Two())
    assert tensors[0].tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert float(tensors[1]) == 5.0


def test_what_the_loss_does_not_depend_on_has_no_gradient():
    used, unused = torch.tensor(2.0, requires_grad=True), torch.tensor(2.0, requires_grad=True)
    gradients = averaged_gradients(Two())(3 * used, [used, unused])
    assert float(gradients[0]) == 2.0
    assert gradients[1] is None


def test_every_process_has_as_many_rows_and_none_has_anothers():
    class First(Two):
        global_rank = 0

    first, second = (own_share(np.arange(10, 21), fabric) for fabric in (First(), Two()))
    assert len(first) == len(second) == 5
    assert not set(first) & set(second)


METHODS = ("darts", "gdas", "darts_second_order", "single_path_uniform", "enas")


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """The folder of searches in two processes, one after the other: most of the time goes into beginning."""
    folder = tmp_path_factory.mktemp("two")
    source = Path(archwright.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, SCRIPT, folder, *METHODS], check=True, timeout=100, env=environment, capture_output=True)
    return folder


@pytest.mark.parametrize("search", [*METHODS, "resumed", "timed"])
def test_two_processes_end_with_the_same_alphas_and_architecture(search, searched):
    first, second = (json.loads((searched / search / f"process{rank}.json").read_text()) for rank in (0, 1))
    assert first.pop("process") != second.pop("process")
    assert set(first.pop("rows")).isdisjoint(second.pop("rows"))
    assert first.pop("losses") != second.pop("losses")  # of their own batches
    assert first == second
    assert (searched / search / "one_shot.json").is_file()


@pytest.mark.parametrize("process", ["process0.json", "process1.json"])
def test_an_interrupted_search_goes_on_in_both_processes(process, searched):
    whole, resumed = (json.loads((searched / search / process).read_text()) for search in ("darts", "resumed"))
    assert len(resumed["losses"]) == 3
    for key in ("alphas", "supernet", "found", "curve"):
        assert resumed[key] == whole[key]


def test_sequential_rows_are_shared_out_in_blocks():
    assert own_share(np.arange(100, 109), Two(), sequential=True).tolist() == [104, 105, 106, 107]
