"""The toy of `toy.py`, and one thread, for its tensors are tiny."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

NAME = "toy_space_of_the_tests"


@pytest.fixture(scope="session")
def toy():
    """The module `toy.py`, where `make_space` finds it."""
    specification = importlib.util.spec_from_file_location(NAME, Path(__file__).with_name("toy.py"))
    module = importlib.util.module_from_spec(specification)
    sys.modules[NAME] = module
    specification.loader.exec_module(module)
    yield module
    del sys.modules[NAME]


@pytest.fixture(scope="session")
def toy_data(toy):
    return toy.toy_data()


@pytest.fixture
def stage_of(toy, toy_data, tmp_path):
    """Makes the stage of a method's search on the toy, with these settings, before its first step."""
    from archwright.one_shot.supernet.supernet_setup import set_up

    def make(method="darts", **settings):
        job = toy.toy_job(tmp_path, method, **settings)
        return set_up(job, toy_data, torch.device("cpu"), job.epochs)

    return make


@pytest.fixture(scope="session")
def few_digits(tmp_path_factory):
    """The folder of a stored problem: 120 handwritten digits of three kinds."""
    import numpy as np
    from sklearn.datasets import load_digits

    from archwright.data.arrays import Arrays
    from archwright.data.load import load_problem
    from archwright.data.problem_folder import save_problem

    images, kinds = load_digits(return_X_y=True)
    few = np.flatnonzero(kinds < 3)[:120]
    x = images[few].reshape(-1, 1, 8, 8).astype(np.float32)
    folder = tmp_path_factory.mktemp("digits") / "data"
    save_problem(load_problem(Arrays(x, kinds[few]), task="classification", layout="image"), folder)
    return folder


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
