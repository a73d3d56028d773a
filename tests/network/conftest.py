import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Toy networks gain nothing from threads, and two test processes on two cores lose by them."""
    torch.set_num_threads(1)
