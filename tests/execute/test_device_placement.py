import pytest

from archwright.errors import InputError
from archwright.execute import Resources, device_placement
from archwright.execute.device_placement import Placement, check_places, choose_workers, place


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


def on(device="auto", gpus=None):
    return Resources(device=device, gpus=gpus)


def test_each_worker_has_a_gpu_of_its_own_and_they_are_shared_in_turn(gpus):
    gpus(2)
    assert [place(on("auto"), [worker]) for worker in range(3)] == [
        Placement("cuda", "0"),
        Placement("cuda", "1"),
        Placement("cuda", "0"),
    ]
    assert place(on("cuda"), [1]) == Placement("cuda", "1")


def test_parts_of_a_gpu_are_filled_one_gpu_after_the_other(gpus):
    gpus(2)
    visible = [place(on(gpus=0.3), [worker]).visible for worker in range(6)]
    assert visible == ["0", "0", "0", "1", "1", "1"]
    with pytest.raises(InputError, match=r"7 workers with 0\.3 of a GPU each would need 3 GPUs.*cuda:0, cuda:1; request fewer"):
        place(on(gpus=0.3), [6])


def test_a_training_on_several_devices_sees_one_gpu_for_each(gpus):
    gpus(3, "4,5,6")
    assert place(on("cuda"), [1, 2]) == Placement("cuda", "5,6")
    with pytest.raises(InputError, match="2 devices needs as many GPUs, but has 1"):
        place(on("cuda:1"), [0, 1])
    gpus(1)
    with pytest.raises(InputError, match="2 devices needs as many GPUs"):
        place(on("auto"), [0, 1])


def test_of_the_free_workers_those_are_taken_that_have_different_gpus(gpus, job):
    gpus(2)
    two, one = job("two", fields={"devices": 2}), job("one")
    assert choose_workers(two, on("auto"), [1, 3, 2]) == (1, 2)
    assert choose_workers(two, on("auto"), [1, 3]) is None
    assert choose_workers(one, on("auto"), [3]) == (3,)
    assert choose_workers(two, on("cpu"), [1, 3]) == (1, 3)
    assert choose_workers(two, on(gpus=0.5), [0, 1, 2, 3]) == (0, 2)
    gpus(0)
    assert choose_workers(two, on("auto"), [0, 1, 2]) == (0, 1)
    assert choose_workers(two, on("auto"), [0]) is None
    assert choose_workers(one, on("auto"), []) is None


def test_a_machine_with_too_few_gpus_for_a_training_says_so(gpus):
    gpus(2)
    check_places(on(gpus=0.5), 2, 4)
    for resources, workers in ((on(gpus=0.5), 2), (on("cuda:1"), 4)):
        with pytest.raises(InputError, match="2 devices needs as many GPUs, but has 1"):
            check_places(resources, 2, workers)
    check_places(on("cpu"), 3, 3)
    check_places(on("cuda:1"), 1, 4)


def test_a_gpu_can_be_named(gpus):
    gpus(3)
    assert place(on("cuda:2"), [0]) == Placement("cuda", "2")


def test_only_gpus_that_were_given_to_this_process_are_used(gpus):
    gpus(2, "5,7")
    assert place(on("cuda"), [1]) == Placement("cuda", "7")
    gpus(1, "GPU-8932f937")
    assert place(on("cuda:0"), [0]) == Placement("cuda", "GPU-8932f937")


def test_the_cpu_sees_no_gpu(gpus):
    gpus(2)
    assert place(on("cpu"), [0]) == Placement("cpu", "")
    assert place(on(gpus=0), [0]) == Placement("cpu", "")


@pytest.mark.parametrize("visible", [None, ""])
def test_without_gpus_auto_leaves_it_to_the_training_and_cuda_is_an_error(gpus, visible):
    gpus(0, visible)
    assert place(on(), [0]) == Placement("auto", None)
    with pytest.raises(InputError, match=r"'cuda'.*none"):
        place(on("cuda"), [0])


def test_a_part_of_a_gpu_where_there_is_none_is_an_error(gpus):
    gpus(0)
    with pytest.raises(InputError, match=r"1 worker with 0\.5 of a GPU each would need 1 GPU.*none"):
        place(on(gpus=0.5), [0])


def test_a_gpu_beyond_the_last_is_an_error_that_lists_them(gpus):
    gpus(2)
    with pytest.raises(InputError, match=r"'cuda:2'.*cuda:0, cuda:1;"):
        place(on("cuda:2"), [0])


def test_nothing_is_asked_of_torch_for_the_cpu(monkeypatch):
    monkeypatch.setattr(device_placement, "visible_gpus", lambda: pytest.fail("imported torch"))
    place(on("cpu"), [3])
