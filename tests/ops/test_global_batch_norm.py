"""Two processes with part of the batch each, compared with PyTorch's own normalisation of the whole batch in one process."""

import copy

import pytest
import torch
from torch import nn

from archwright.errors import InputError
from archwright.ops.channel_masks import first_channels
from archwright.ops.global_batch_norm import global_statistics, own_statistics, process_group_of
from archwright.process_group import SINGLE_PROCESS, ProcessGroup

SHAPES = {nn.BatchNorm1d: (7, 3), nn.BatchNorm2d: (8, 3, 4, 5), nn.BatchNorm3d: (5, 3, 2, 3, 2)}


def made(kind, **settings):
    norm = kind(3, **settings).double()
    if norm.affine:
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    return norm


def twice(norm, x, part=slice(None), call=None):
    """Two training steps, so that statistics and gradients of the second depend on both."""
    results = []
    for _ in range(2):
        x = x[part].detach().clone().requires_grad_() if not results else (x * 2 + 1).detach().requires_grad_()
        y = call(norm, x) if call else norm(x)
        (y * y.detach().cos()).sum().backward()
        results += [y.detach(), x.grad]
    buffers = [buffer.clone() for buffer in norm.buffers()]
    return results, [parameter.grad for parameter in norm.parameters()], buffers


def together(process_group, norm, x, call=None):
    network = nn.Sequential(norm)
    with global_statistics(network, process_group):
        results, gradients, buffers = twice(norm, x, process_group.shard(len(x)), call)
    return [process_group.all_gather(part) for part in results], [process_group.all_reduce(part) for part in gradients], buffers


@pytest.mark.parametrize("settings", [{}, {"affine": False}, {"momentum": None}, {"track_running_stats": False}])
@pytest.mark.parametrize("kind", SHAPES)
def test_results_gradients_and_statistics_are_those_of_the_whole_batch(kind, settings, in_two_processes):
    torch.manual_seed(0)
    norm, x = made(kind, **settings), torch.randn(SHAPES[kind], dtype=torch.float64) * 3 + 100
    expected = twice(copy.deepcopy(norm), x)
    for found in in_two_processes(together, norm, x):
        for theirs, own in zip(found, expected, strict=True):
            torch.testing.assert_close(theirs, own, rtol=1e-6, atol=1e-6)


def masked(norm, x):
    return first_channels(norm, x, 2, mask=torch.tensor([0.5, 2.0], dtype=torch.float64))


def test_the_first_channels_of_a_wide_layer_are_normalised_over_all_processes(in_two_processes):
    torch.manual_seed(0)
    norm, x = made(nn.BatchNorm2d, affine=False), torch.randn(5, 2, 3, 3, dtype=torch.float64)
    expected = twice(copy.deepcopy(norm), x, call=masked)
    for found in in_two_processes(together, norm, x, masked):
        for theirs, own in zip(found, expected, strict=True):
            torch.testing.assert_close(theirs, own, rtol=1e-6, atol=1e-6)


def kept(process_group, norm, x):
    network = nn.Sequential(norm)
    with global_statistics(network, process_group):
        copied = copy.deepcopy(network)
        with own_statistics(network), torch.no_grad():
            alone = network(x)
            evaluated = network.eval()(x)
        return alone, evaluated, list(network.state_dict()), process_group_of(norm).size, process_group_of(copied[0]).size


def test_own_statistics_normalises_in_each_process_alone(in_two_processes):
    torch.manual_seed(0)
    norm, x = made(nn.BatchNorm2d), torch.randn(5, 3, 3, 3, dtype=torch.float64)
    plain = copy.deepcopy(norm)
    with torch.no_grad():
        expected = plain(x), plain.eval()(x)
    for alone, evaluated, names, size, size_of_copy in in_two_processes(kept, norm, x):
        torch.testing.assert_close((alone, evaluated), expected)
        assert names == [f"0.{name}" for name in norm.state_dict()]
        assert (size, size_of_copy) == (2, 2)


def test_normalisations_are_plain_again_after_training():
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    norm, before = network[1], dict(vars(network[1]))
    with global_statistics(network, ProcessGroup(0, 2)):
        assert isinstance(norm, nn.BatchNorm1d)
        assert type(norm) is not nn.BatchNorm1d
        assert process_group_of(norm) == ProcessGroup(0, 2)
    assert type(norm) is nn.BatchNorm1d
    assert vars(norm) == before
    with global_statistics(network, SINGLE_PROCESS):
        assert type(norm) is nn.BatchNorm1d
        assert process_group_of(norm) == SINGLE_PROCESS


def test_a_custom_batch_normalisation_is_an_error():
    class Own(nn.BatchNorm1d):
        def forward(self, x):
            return x

    with (
        pytest.raises(InputError, match="Own is not one of PyTorch's own batch normalisations"),
        global_statistics(Own(2), ProcessGroup(0, 2)),
    ):
        pass
