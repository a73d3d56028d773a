import pytest
import torch

from archwright.errors import ShapeError
from archwright.ops.pooling import GlobalAveragePool, average_pool, max_pool


@pytest.mark.parametrize("shape", [(9,), (8, 7)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("pool", [max_pool, average_pool])
def test_stride_1_keeps_the_size_and_stride_2_halves_it_rounding_up(shape, stride, kernel, pool):
    x = torch.randn(2, 3, *shape)
    assert pool(len(shape), kernel, stride)(x).shape == (2, 3, *(-(-size // stride) for size in shape))


def test_values_computed_by_hand():
    x = torch.tensor([[[1.0, 5.0, 3.0, 2.0]]])
    assert max_pool(1, 3)(x).tolist() == [[[5, 5, 5, 3]]]
    assert average_pool(1, 3)(x).tolist() == [[[3, 3, pytest.approx(10 / 3), 2.5]]]  # the padding does not count


def test_the_global_mean():
    x = torch.arange(24.0).reshape(1, 2, 3, 4)
    assert GlobalAveragePool()(x).tolist() == [[5.5, 17.5]]
    assert GlobalAveragePool()(x.reshape(1, 2, 12)).tolist() == [[5.5, 17.5]]


def test_flat_features_have_no_pooling():
    for pool in (max_pool, average_pool):
        with pytest.raises(ShapeError):
            pool(0)
