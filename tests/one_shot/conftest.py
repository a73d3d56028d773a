"""The toy of `toy.py`, and one thread, for its tensors are tiny."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

SPECIFICATION = importlib.util.spec_from_file_location("one_shot_toy", Path(__file__).with_name("toy.py"))


def _load():
    if "one_shot_toy" not in sys.modules:
        module = importlib.util.module_from_spec(SPECIFICATION)
        sys.modules["one_shot_toy"] = module
        SPECIFICATION.loader.exec_module(module)
        module.register()
    return sys.modules["one_shot_toy"]


@pytest.fixture(scope="session")
def toy():
    """The module `toy.py`."""
    return _load()


@pytest.fixture(scope="session")
def toy_data(toy):
    return toy.toy_data()


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
