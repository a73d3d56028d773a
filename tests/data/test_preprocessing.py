import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.data.preprocessing import Preprocessing, learn_preprocessing, mean_and_std


@settings(deadline=None, max_examples=20)
@given(st.sampled_from([(7, 3), (5000, 2), (4097, 2, 3), (6, 2, 3, 4)]), st.floats(-1e4, 1e4))
def test_means_and_deviations_agree_with_numpy(shape, offset):
    values = (np.random.default_rng(3).normal(offset, 2, shape)).astype(np.float32)
    mean, std = mean_and_std(values)
    columns = np.moveaxis(values.astype(np.float64), 1, -1).reshape(-1, shape[1])
    assert np.allclose(mean, columns.mean(axis=0), rtol=1e-10)
    assert np.allclose(std, columns.std(axis=0), rtol=1e-8)


def test_a_constant_has_deviation_one_despite_rounding_errors():
    values = np.stack([np.full(7, 0.1, np.float32), np.arange(7, dtype=np.float32)], axis=1)
    assert mean_and_std(values)[1][0] == 1.0


def test_targets_are_standardised_for_a_regression_only():
    x, y = np.zeros((4, 2)), np.array([[1.0], [3.0], [1.0], [3.0]])
    regression = learn_preprocessing(x, y, "regression")
    assert (regression.target_mean, regression.target_std) == ((2.0,), (1.0,))
    assert learn_preprocessing(x, y, "multi_label").target_mean is None


def test_json_keeps_everything():
    some = Preprocessing((1.0, 2.0), (3.0, 4.0), (0.5,), (2.5,))
    assert Preprocessing.from_json({**some.to_json(), "more": 1}) == some
