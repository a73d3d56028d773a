import pytest

from archwright.network.reduction_count import fitting_halvings, stem_stride_for, usual_halvings


@pytest.mark.parametrize(
    ("shape", "stem", "halvings"),
    [
        ((1, 8, 8), 1, 1),  # 4
        ((1, 28, 28), 1, 3),  # 14, 7, 4
        ((1, 32, 32), 1, 3),
        ((3, 224, 224), 4, 4),  # 56: 28, 14, 7, 4
        ((1, 28, 5), 1, 0),
        ((1, 28, 7), 1, 1),
        ((5, 3), 1, 0),
        ((5, 128), 1, 5),
    ],
)
def test_halvings_leave_four_positions_on_the_shorter_side(shape, stem, halvings):
    assert fitting_halvings(shape, stem) == halvings


@pytest.mark.parametrize(
    ("shape", "stride"),
    [((10,), 1), ((1, 63, 63), 1), ((1, 64, 64), 2), ((3, 255), 1), ((3, 256), 2), ((1, 4, 300), 1), ((1, 8, 300), 2)],
)
def test_the_stem_halves_large_inputs_as_far_as_the_shorter_side_allows(shape, stride):
    assert stem_stride_for(shape) == stride


@pytest.mark.parametrize(
    ("side", "halvings"), [(3, 0), (6, 0), (7, 1), (8, 1), (13, 2), (28, 2), (32, 2), (33, 3), (64, 3), (224, 4), (2000, 4)]
)
def test_sizes_are_halved_until_eight_are_left_but_twice_if_four_remain(side, halvings):
    assert usual_halvings(side) == halvings
