import random

import numpy as np
import torch

from archwright.train.checkpoint import load_checkpoint, save_checkpoint
from archwright.train.random_state import random_state, restore_random_state, seed_everything


def draws():
    return random.random(), random.gauss(0, 1), np.random.rand(), np.random.randn(), float(torch.rand(()))  # noqa: NPY002


def test_a_seed_sets_all_generators():
    seed_everything(2**40 + 5)
    first = draws()
    seed_everything(2**40 + 5)
    assert draws() == first


def test_a_random_state_survives_a_round_trip_through_a_file(tmp_path):
    seed_everything(3)
    draws()
    save_checkpoint({"random": random_state()}, tmp_path / "state.pt")
    expected = draws(), draws()
    restore_random_state(load_checkpoint(tmp_path / "state.pt")["random"])
    assert (draws(), draws()) == expected
