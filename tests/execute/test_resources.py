import pytest

from archwright.errors import InputError
from archwright.execute import Resources


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"workers": 0}, "workers is 0"),
        ({"cpus": 0}, "cpus is 0"),
        ({"gpus": 1.5}, "from 0 to 1"),
        ({"gpus": -0.1}, "from 0 to 1"),
        ({"memory": 0.0}, "above zero"),
        ({"device": "gpu"}, "choose from auto, cpu, cuda"),
        ({"device": "cuda:"}, "choose from auto, cpu, cuda"),
        ({"device": "cuda:x"}, "choose from auto, cpu, cuda"),
        ({"device": ""}, "choose from auto, cpu, cuda"),
        ({"gpus": 0.5, "device": "cpu"}, "omit one of them"),
        ({"gpus": 0, "device": "cuda"}, "omit one of them"),
    ],
)
def test_what_no_machine_could_give_is_an_error(given, told):
    with pytest.raises(InputError, match=told):
        Resources(**given)


@pytest.mark.parametrize(("gpus", "workers"), [(1, 1), (0.5, 2), (0.34, 2), (1 / 3, 3), (0.1, 10), (None, None), (0, None)])
def test_how_many_share_a_gpu(gpus, workers):
    assert Resources(gpus=gpus).workers_per_gpu == workers
