import pytest

from archwright.data.problem import Problem
from archwright.errors import InputError
from archwright.search_space.fit_reductions import fit_reductions


def problem(*shape):
    return Problem("toy", "classification", shape, outputs=2)


@pytest.mark.parametrize(
    ("shape", "reductions", "most", "fitted"),
    [
        ((1, 28, 28), None, 4, (2, 2)),
        ((1, 28, 28), None, 1, (2, 1)),
        ((1, 28, 28), 3, 1, (2, 3)),
        ((2, 50), None, 4, (1, 3)),
        ((3, 224, 224), None, 4, (2, 4)),
        ((1, 3), None, 4, (1, 0)),
    ],
)
def test_unset_reductions_are_the_usual_ones_but_no_more_than_the_most(shape, reductions, most, fitted):
    assert fit_reductions("toy", problem(*shape), None, reductions, most) == fitted


@pytest.mark.parametrize(
    ("shape", "dimensions", "reductions", "told"),
    [
        ((7,), None, None, r"space 'toy' takes series \(C, L\) or images \(C, H, W\), not inputs of shape \(7,\)"),
        ((1, 4, 4, 4), None, None, r"not inputs of shape \(1, 4, 4, 4\): use space 'chain'"),
        ((1, 28), 2, None, r"space 'toy' was made for 2-D inputs, but these have shape \(1, 28\)"),
        ((1, 8, 8), None, 4, r"space 'toy': 4 reductions are too many for inputs of shape \(1, 8, 8\): set fewer"),
    ],
)
def test_data_that_do_not_fit_are_refused(shape, dimensions, reductions, told):
    with pytest.raises(InputError, match=told):
        fit_reductions("toy", problem(*shape), dimensions, reductions)
