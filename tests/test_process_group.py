import pytest
import torch

from archwright.errors import InputError
from archwright.process_group import ALONE, Team, gather_team, surroundings

CPU = torch.device("cpu")


def test_one_process_alone_has_everything_and_exchanges_nothing():
    x = torch.arange(6.0).reshape(3, 2)
    assert ALONE.leads
    assert ALONE.part(5) == slice(0, 5)
    assert ALONE.add(x) is x
    assert ALONE.gathered(x) is x
    assert (ALONE.slowest(2.0), ALONE.led("value"), ALONE.collected(3)) == (2.0, "value", [3])
    assert gather_team(1, CPU) == ALONE


@pytest.mark.parametrize("count", [4, 7, 9, 128])
@pytest.mark.parametrize("size", [2, 3, 4])
def test_parts_are_all_of_a_batch_and_differ_by_one_row_at_most(count, size):
    rows = list(range(count))
    parts = [rows[Team(rank, size).part(count)] for rank in range(size)]
    assert [row for part in parts for row in part] == rows
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_a_batch_that_is_too_small_is_an_error():
    with pytest.raises(InputError, match="1 rows cannot be divided among 2 processes"):
        Team(0, 2).part(1)


def test_the_mean_of_the_weighted_losses_is_the_loss_of_the_batch():
    x, y = torch.randn(7, 3), torch.tensor([0, 1, 2, 0, 1, 2, 0])
    loss = torch.nn.functional.cross_entropy
    teams = [Team(rank, 3) for rank in range(3)]
    losses = [team.weighted(loss, 7)(x[team.part(7)], y[team.part(7)]) for team in teams]
    assert float(sum(losses)) / 3 == pytest.approx(float(loss(x, y)))


def exchange(team):
    own = torch.full((2 + team.rank, 2), 1.0 + team.rank)
    tensors = [torch.tensor([[1.0, 3.0], [5.0, 7.0]]).T + team.rank, torch.tensor(9.0)]
    team.average(tensors)
    return {
        "add": team.add(torch.tensor(3.0 + team.rank)).item(),
        "gathered": team.gathered(own).tolist(),
        "tokens": team.gathered(torch.tensor([2**40 + team.rank])).tolist(),
        "average": [tensor.tolist() for tensor in tensors],
        "slowest": team.slowest(1.0 + team.rank),
        "led": team.led(f"of {team.rank}"),
        "collected": team.collected(team.rank),
    }


def test_two_processes_exchange(in_two_processes):
    first, second = in_two_processes(exchange)
    assert first == second
    assert first == {
        "add": 7.0,
        "gathered": [[1.0, 1.0]] * 2 + [[2.0, 2.0]] * 3,
        "tokens": [2**40, 2**40 + 1],
        "average": [[[1.5, 5.5], [3.5, 7.5]], 9.0],
        "slowest": 2.0,
        "led": "of 0",
        "collected": [0, 1],
    }


def test_a_process_without_companions_says_so():
    with pytest.raises(InputError, match="2 devices takes as many processes"):
        gather_team(2, CPU)


def test_surroundings_are_those_of_torchrun(monkeypatch):
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "eth7")
    own = surroundings(1, 4, "file")
    assert (own["RANK"], own["LOCAL_RANK"], own["WORLD_SIZE"]) == ("1", "1", "4")
    assert "GLOO_SOCKET_IFNAME" not in own
