import pytest
import torch

from archwright.errors import InputError
from archwright.process_group import SINGLE_PROCESS, ProcessGroup, join_process_group, process_environment

CPU = torch.device("cpu")


def test_a_single_process_has_everything_and_exchanges_nothing():
    x = torch.arange(6.0).reshape(3, 2)
    assert SINGLE_PROCESS.is_rank_zero
    assert SINGLE_PROCESS.shard(5) == slice(0, 5)
    assert SINGLE_PROCESS.all_reduce(x) is x
    assert SINGLE_PROCESS.all_gather(x) is x
    assert (SINGLE_PROCESS.slowest(2.0), SINGLE_PROCESS.broadcast("value"), SINGLE_PROCESS.all_gather_object(3)) == (
        2.0,
        "value",
        [3],
    )
    assert join_process_group(1, CPU) == SINGLE_PROCESS


@pytest.mark.parametrize("count", [4, 7, 9, 128])
@pytest.mark.parametrize("size", [2, 3, 4])
def test_shards_cover_a_batch_and_differ_by_at_most_one_row(count, size):
    rows = list(range(count))
    shards = [rows[ProcessGroup(rank, size).shard(count)] for rank in range(size)]
    assert [row for shard in shards for row in shard] == rows
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_a_batch_that_is_too_small_is_an_error():
    with pytest.raises(InputError, match="1 row cannot be divided among 2 processes"):
        ProcessGroup(0, 2).shard(1)


def test_the_mean_of_the_weighted_losses_is_the_loss_of_the_batch():
    x, y = torch.randn(7, 3), torch.tensor([0, 1, 2, 0, 1, 2, 0])
    loss = torch.nn.functional.cross_entropy
    process_groups = [ProcessGroup(rank, 3) for rank in range(3)]
    losses = [
        process_group.weighted_loss(loss, 7)(x[process_group.shard(7)], y[process_group.shard(7)])
        for process_group in process_groups
    ]
    assert float(sum(losses)) / 3 == pytest.approx(float(loss(x, y)))


def exchange(process_group):
    own = torch.full((2 + process_group.rank, 2), 1.0 + process_group.rank)
    tensors = [torch.tensor([[1.0, 3.0], [5.0, 7.0]]).T + process_group.rank, torch.tensor(9.0)]
    process_group.average(tensors)
    return {
        "sum": process_group.all_reduce(torch.tensor(3.0 + process_group.rank)).item(),
        "gathered": process_group.all_gather(own).tolist(),
        "tokens": process_group.all_gather(torch.tensor([2**40 + process_group.rank])).tolist(),
        "average": [tensor.tolist() for tensor in tensors],
        "slowest": process_group.slowest(1.0 + process_group.rank),
        "broadcast": process_group.broadcast(f"of {process_group.rank}"),
        "objects": process_group.all_gather_object(process_group.rank),
    }


def test_two_processes_exchange(in_two_processes):
    first, second = in_two_processes(exchange)
    assert first == second
    assert first == {
        "sum": 7.0,
        "gathered": [[1.0, 1.0]] * 2 + [[2.0, 2.0]] * 3,
        "tokens": [2**40, 2**40 + 1],
        "average": [[[1.5, 5.5], [3.5, 7.5]], 9.0],
        "slowest": 2.0,
        "broadcast": "of 0",
        "objects": [0, 1],
    }


def test_a_process_launched_alone_says_so():
    with pytest.raises(InputError, match="2 devices needs as many processes"):
        join_process_group(2, CPU)


def test_the_environment_is_that_of_torchrun(monkeypatch):
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "eth7")
    own = process_environment(1, 4, "file")
    assert (own["RANK"], own["LOCAL_RANK"], own["WORLD_SIZE"]) == ("1", "1", "4")
    assert "GLOO_SOCKET_IFNAME" not in own
