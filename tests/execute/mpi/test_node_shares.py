from dataclasses import replace

import pytest

from archwright.errors import InputError
from archwright.execute import Resources
from archwright.execute.mpi.node_info import NodeInfo
from archwright.execute.mpi.node_shares import check_placement, check_stations, places_on_gpus, threads_of_ranks

ONE = NodeInfo("n1", tuple(range(8)), 8, 1000.0, ("0", "1"), ("GPU-a", "GPU-b"))
OTHER = replace(ONE, host="n2", gpu_ids=("GPU-c", "GPU-d"))
PLAIN = NodeInfo("n3", tuple(range(4)), 4, None)


def with_own_gpu(identity):
    """As Slurm has it with --gpus-per-task: each rank sees one GPU, which it calls 0."""
    return replace(ONE, gpus=("0",), gpu_ids=(identity,))


def test_ranks_that_see_the_same_gpus_take_them_in_turn():
    assert places_on_gpus([ONE, OTHER, ONE, OTHER, ONE, PLAIN]) == [0, 0, 1, 1, 2, 0]


def test_a_rank_with_a_gpu_of_its_own_has_it_alone():
    alone = [with_own_gpu("GPU-a"), with_own_gpu("GPU-b")]
    assert places_on_gpus(alone) == [0, 0]
    check_stations(Resources(gpus=1.0), alone)
    with pytest.raises(InputError, match=r"^on n1: 2 workers with 1 of a GPU each need 2 GPUs"):
        check_stations(Resources(gpus=1.0), [with_own_gpu("GPU-a")] * 2)


def test_threads_are_the_smallest_equal_share():
    assert threads_of_ranks(Resources(), [ONE, ONE]) == 4
    assert threads_of_ranks(Resources(), [ONE, ONE, ONE, PLAIN]) == 2
    assert threads_of_ranks(Resources(), [replace(ONE, cpus=1)] * 2) == 1
    assert threads_of_ranks(Resources(cpus=3), [ONE, ONE, ONE, PLAIN]) == 3


def test_ranks_that_were_bound_to_cores_of_their_own_share_none():
    bound = [replace(ONE, cores=(0, 1, 2, 3), cpus=4), replace(ONE, cores=(4, 5, 6, 7), cpus=4)]
    assert threads_of_ranks(Resources(), bound) == 4
    check_stations(Resources(cpus=4), bound)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (Resources(cpus=3), "^on n2: 3 workers with 3 cores each need 9, and this machine gives 8"),
        (Resources(memory=400), "^on n2: 3 workers with 400 MB each need 1200 MB, and this machine has 1000"),
        (Resources(gpus=1.0), "^on n2: 3 workers with 1 of a GPU each need 3 GPUs"),
        (Resources(device="cuda:7"), "^on n1: device 'cuda:7' was asked for"),
    ],
)
def test_what_one_node_cannot_give_is_an_error_that_names_it(asked, told):
    with pytest.raises(InputError, match=told):
        check_stations(asked, [ONE, OTHER, OTHER, OTHER])


def test_what_all_can_just_give_is_no_error():
    check_stations(Resources(cpus=4, memory=500, gpus=1.0), [ONE, ONE, OTHER, OTHER])
    check_stations(Resources(memory=1e9, cpus=4), [PLAIN])


def test_a_jobs_own_device_must_be_everywhere(job):
    check_placement(job("any", fields={"device": "cuda:1"}), Resources(), [ONE, OTHER])
    with pytest.raises(InputError, match=r"^on n3: device 'cuda:1' was asked for.*: none"):
        check_placement(job("any", fields={"device": "cuda:1"}), Resources(), [ONE, PLAIN])
