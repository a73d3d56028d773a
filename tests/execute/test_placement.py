import pytest

from archwright.errors import InputError
from archwright.execute import placement
from archwright.execute.placement import Placement, place


@pytest.fixture
def gpus(monkeypatch):
    """Pretend that PyTorch sees so many GPUs, some perhaps hidden by CUDA_VISIBLE_DEVICES."""
    torch = pytest.importorskip("torch")

    def pretend(count, visible=None):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        if visible is None:
            monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        else:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    return pretend


def test_each_worker_has_a_gpu_of_its_own_and_they_are_shared_in_turn(gpus):
    gpus(2)
    assert [place("auto", worker) for worker in range(3)] == [
        Placement("cuda", "0"),
        Placement("cuda", "1"),
        Placement("cuda", "0"),
    ]
    assert place("cuda", 1) == Placement("cuda", "1")


def test_a_gpu_can_be_named(gpus):
    gpus(3)
    assert place("cuda:2", 0) == Placement("cuda", "2")


def test_only_gpus_that_were_given_to_this_process_are_used(gpus):
    gpus(2, "5,7")
    assert place("cuda", 1) == Placement("cuda", "7")
    gpus(1, "GPU-8932f937")
    assert place("cuda:0", 0) == Placement("cuda", "GPU-8932f937")


def test_the_cpu_sees_no_gpu(gpus):
    gpus(2)
    assert place("cpu", 0) == Placement("cpu", "")


@pytest.mark.parametrize("visible", [None, ""])
def test_without_gpus_auto_leaves_it_to_the_training_and_cuda_is_an_error(gpus, visible):
    gpus(0, visible)
    assert place("auto", 0) == Placement("auto", None)
    with pytest.raises(InputError, match=r"'cuda'.*none"):
        place("cuda", 0)


def test_a_gpu_beyond_the_last_is_an_error_that_lists_them(gpus):
    gpus(2)
    with pytest.raises(InputError, match=r"'cuda:2'.*cuda:0, cuda:1;"):
        place("cuda:2", 0)


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:x", ""])
def test_an_unknown_device_is_an_error(device):
    with pytest.raises(InputError, match="choose from auto, cpu, cuda"):
        place(device, 0)


def test_nothing_is_asked_of_torch_for_the_cpu(monkeypatch):
    monkeypatch.setattr(placement, "visible_gpus", lambda: pytest.fail("imported torch"))
    place("cpu", 3)
