from dataclasses import replace

import pytest

from archwright.errors import InputError
from archwright.execute import Resources
from archwright.execute.mpi.node_info import NodeInfo
from archwright.execute.mpi.node_shares import check_nodes, check_placement, places_on_gpus, threads_of_ranks

ONE = NodeInfo("n1", tuple(range(8)), 8, 1000.0, ("0", "1"), ("GPU-a", "GPU-b"))
OTHER = replace(ONE, host="n2", gpu_ids=("GPU-c", "GPU-d"))
PLAIN = NodeInfo("n3", tuple(range(4)), 4, None)


def with_own_gpu(identity):
    """As under Slurm with --gpus-per-task: each rank sees one GPU and calls it 0."""
    return replace(ONE, gpus=("0",), gpu_ids=(identity,))


def test_ranks_that_see_the_same_gpus_take_them_in_turn():
    assert places_on_gpus([ONE, OTHER, ONE, OTHER, ONE, PLAIN]) == [0, 0, 1, 1, 2, 0]


def test_a_rank_with_its_own_gpu_does_not_share_it():
    alone = [with_own_gpu("GPU-a"), with_own_gpu("GPU-b")]
    assert places_on_gpus(alone) == [0, 0]
    check_nodes(Resources(gpus=1.0), alone)
    with pytest.raises(InputError, match=r"^on n1: 2 workers with 1 of a GPU each would need 2 GPUs"):
        check_nodes(Resources(gpus=1.0), [with_own_gpu("GPU-a")] * 2)


def test_threads_are_the_smallest_equal_share():
    assert threads_of_ranks(Resources(), [ONE, ONE]) == 4
    assert threads_of_ranks(Resources(), [ONE, ONE, ONE, PLAIN]) == 2
    assert threads_of_ranks(Resources(), [replace(ONE, cpus=1)] * 2) == 1
    assert threads_of_ranks(Resources(cpus=3), [ONE, ONE, ONE, PLAIN]) == 3


def test_ranks_bound_to_their_own_cores_share_none():
    bound = [replace(ONE, cores=(0, 1, 2, 3), cpus=4), replace(ONE, cores=(4, 5, 6, 7), cpus=4)]
    assert threads_of_ranks(Resources(), bound) == 4
    check_nodes(Resources(cpus=4), bound)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Resources(cpus=3), "^on n2: 3 workers with 3 cores each would need 9, but this machine has 8"),
        (Resources(memory=400), "^on n2: 3 workers with 400 MB each would need 1200 MB, but this machine has 1000"),
        (Resources(gpus=1.0), "^on n2: 3 workers with 1 of a GPU each would need 3 GPUs"),
        (Resources(device="cuda:7"), "^on n1: device 'cuda:7' was requested"),
    ],
)
def test_resources_that_one_node_lacks_are_an_error_that_names_it(asked, message):
    with pytest.raises(InputError, match=message):
        check_nodes(asked, [ONE, OTHER, OTHER, OTHER])


def test_resources_that_just_suffice_are_no_error():
    check_nodes(Resources(cpus=4, memory=500, gpus=1.0), [ONE, ONE, OTHER, OTHER])
    check_nodes(Resources(memory=1e9, cpus=4), [PLAIN])


def test_a_jobs_own_device_must_exist_on_every_node(job):
    check_placement(job("any", fields={"device": "cuda:1"}), Resources(), [ONE, OTHER])
    with pytest.raises(InputError, match=r"^on n3: device 'cuda:1' was requested.*: none"):
        check_placement(job("any", fields={"device": "cuda:1"}), Resources(), [ONE, PLAIN])
