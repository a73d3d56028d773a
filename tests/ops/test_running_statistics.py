import copy

import pytest
import torch
from torch import nn

from archwright.ops.running_statistics import move_statistics, running_statistics, update_statistics


def test_statistics_are_updated_as_by_the_modules():
    torch.manual_seed(0)
    norms = [nn.BatchNorm2d(3, affine=False), nn.BatchNorm2d(3, affine=False)]
    others = copy.deepcopy(norms)
    for _ in range(3):
        batches = [torch.randn(4, 3, 5, 2) * (i + 2) + i for i in range(2)]
        for norm, x in zip(norms, batches, strict=True):
            norm(x)
        means = torch.stack([x.mean(dim=(0, 2, 3)) for x in batches])
        variances = torch.stack([x.var(dim=(0, 2, 3), correction=0) for x in batches])
        update_statistics(others, means, variances, 40)
    both = [None, None]
    torch.testing.assert_close(running_statistics(others, both), running_statistics(norms, both))
    assert [int(norm.num_batches_tracked) for norm in others] == [3, 3]


def test_a_single_update_equals_the_joint_one():
    norm, other = nn.BatchNorm2d(3, affine=False), nn.BatchNorm2d(3, affine=False)
    means, variances = torch.randn(3), torch.rand(3)
    move_statistics(norm, means, variances, 7)
    update_statistics([other], means[None], variances[None], 7)
    torch.testing.assert_close(dict(norm.named_buffers()), dict(other.named_buffers()))


def test_a_normalisation_in_two_parts_is_updated_as_a_whole():
    torch.manual_seed(0)
    norm, other = nn.BatchNorm2d(5, affine=False), nn.BatchNorm2d(5, affine=False)
    means, variances = torch.randn(5), torch.rand(5)
    update_statistics([norm], means[None], variances[None], 40)
    update_statistics([other, other], means.expand(2, -1), variances.expand(2, -1), 40, rows=[(0, 3), (3, 5)])
    torch.testing.assert_close(dict(other.named_buffers()), dict(norm.named_buffers()))
    (mean, _), (variance, _) = running_statistics([other, other], [(0, 3), (3, 5)])
    torch.testing.assert_close(mean[:3], norm.running_mean[:3])
    assert mean[3:].tolist() == [0.0, 0.0]
    assert variance[3:].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("settings", [{"track_running_stats": False}, {"momentum": None}])
def test_a_normalisation_without_suitable_statistics_is_refused(settings):
    norm = nn.BatchNorm1d(2, affine=False, **settings)
    with pytest.raises(TypeError):
        update_statistics([norm], torch.zeros(1, 2), torch.ones(1, 2), 4)
    with pytest.raises(TypeError):
        move_statistics(norm, torch.zeros(2), torch.ones(2), 4)
