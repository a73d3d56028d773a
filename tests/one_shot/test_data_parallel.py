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


@pytest.mark.parametrize("method", ["darts", "gdas", "darts_second_order", "single_path_uniform"])
def test_two_processes_end_with_the_same_alphas_and_architecture(method, tmp_path):
    source = Path(sys.modules["archwright"].__file__).parents[1]
    subprocess.run(
        [sys.executable, SCRIPT, tmp_path, method],
        check=True,
        timeout=100,
        env={**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"},
        capture_output=True,
    )
    first, second = (json.loads((tmp_path / f"process{rank}.json").read_text()) for rank in (0, 1))
    assert first.pop("process") != second.pop("process")
    rows = set(first.pop("rows")), set(second.pop("rows"))
    assert rows[0].isdisjoint(rows[1])
    assert first.pop("losses") != second.pop("losses")  # of their own batches
    assert first == second
    assert (tmp_path / "one_shot.json").is_file()
