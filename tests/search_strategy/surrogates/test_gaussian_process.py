"""Against scikit-learn's Gaussian process with the same kernel, and finite differences."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, WhiteKernel

from archwright.search_strategy.surrogates.gaussian_process import (
    JITTER,
    GaussianProcess,
    Kernel,
    fitted_hyper_parameters,
    initial_hyper_parameters,
    negative_log_posterior,
    squared_distances,
)

LENGTH, VARIANCE, SLOPE, NOISE = 1.7, 0.8, 0.3, 0.05
HYPER = np.log([LENGTH, 1.0, VARIANCE, SLOPE, NOISE])
KERNEL = Kernel(("rbf", "linear"))


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(12, 3)), rng.normal(size=(7, 3))
    return x, np.sin(x[:, 0]) + x[:, 1] - 0.2, z


@pytest.fixture
def oracle(data):
    x, y, _ = data
    kernel = ConstantKernel(VARIANCE) * RBF(LENGTH) + ConstantKernel(SLOPE) * DotProduct(0.0, "fixed") + WhiteKernel(NOISE)
    return GaussianProcessRegressor(kernel, alpha=JITTER, optimizer=None).fit(x, y)


def test_predictions_are_scikit_learns(data, oracle):
    x, y, z = data
    mean, deviation = GaussianProcess.of(KERNEL, HYPER, (x, x), y).predict((z, z))
    expected_mean, with_noise = oracle.predict(z, return_std=True)
    assert mean == pytest.approx(expected_mean)
    assert deviation == pytest.approx(np.sqrt(with_noise**2 - NOISE))


def test_the_marginal_likelihood_is_scikit_learns(data, oracle):
    x, y, _ = data
    value, _ = negative_log_posterior(HYPER, KERNEL, KERNEL.compare((x, x), (x, x)), y, HYPER)  # the log-prior is 0 at its mean
    assert -value - 0.5 * len(y) * np.log(2 * np.pi) == pytest.approx(oracle.log_marginal_likelihood_value_)


def test_the_gradient_is_that_of_finite_differences(data):
    x, y, _ = data
    compared, prior_mean = KERNEL.compare((x, x), (x, x)), HYPER + np.array([0.5, -0.2, 0.1, 0.4, -0.3])
    _, gradient = negative_log_posterior(HYPER, KERNEL, compared, y, prior_mean)
    numeric = approx_fprime(HYPER, lambda hyper: negative_log_posterior(hyper, KERNEL, compared, y, prior_mean)[0], 1e-6)
    assert gradient == pytest.approx(numeric, abs=1e-4)


def test_fitting_raises_the_posterior_and_stays_near_the_true_hyper_parameters():
    rng = np.random.default_rng(1)
    x = rng.uniform(-3, 3, size=(80, 1))
    kernel, truth = Kernel(("rbf",)), np.log([0.7, 1.0, 0.01])
    covariance = kernel.summands(kernel.compare((x,), (x,)), truth)[0] + 0.01 * np.eye(len(x))
    y = np.linalg.cholesky(covariance) @ rng.normal(size=len(x))
    begin = initial_hyper_parameters(kernel, (x,), 0.1)
    found = fitted_hyper_parameters(kernel, (x,), y, begin)
    compared = kernel.compare((x,), (x,))
    at_begin, at_end = (negative_log_posterior(hyper, kernel, compared, y, begin)[0] for hyper in (begin, found))
    assert at_end < at_begin
    assert found[[0, 2]] == pytest.approx(
        truth[[0, 2]], abs=0.4
    )  # length and noise; the variance of a single curve is poorly determined
    assert abs(begin - truth)[[0, 2]].min() > 0.4


def test_fitting_survives_equal_inputs_and_equal_targets():
    x = np.ones((20, 2))
    found = fitted_hyper_parameters(KERNEL, (x, x), np.zeros(20), initial_hyper_parameters(KERNEL, (x, x), 0.01))
    assert np.isfinite(found).all()


def test_distances_are_those_between_rows():
    one, other = np.array([[0.0, 0.0], [3.0, 4.0]]), np.array([[0.0, 0.0], [0.0, 1.0], [3.0, 4.0]])
    assert squared_distances(one, other) == pytest.approx(np.array([[0, 1, 25], [25, 18, 0]]))


def test_initial_hyper_parameters_are_the_median_distance_and_equal_variances():
    x = np.array([[0.0], [2.0], [6.0]])  # distances 0 three times, 2, 4 and 6 twice
    assert np.exp(initial_hyper_parameters(KERNEL, (x, x), 0.01)) == pytest.approx([2.0, 1.0, 0.5, 0.5, 0.01])
