"""Exact Gaussian processes with a sum of kernels, fitted by marginal likelihood (Rasmussen & Williams 2006, chapters 2 and 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Inputs = tuple[Array, ...]
"""One array (N, D_k) for each summand k of the kernel."""
Form = Literal["rbf", "linear"]

JITTER = 1e-6
PRIOR_DEVIATION = 1.0
MOST_ITERATIONS = 30
BOUND = 8.0
"""How far the logarithm of a hyper-parameter may move from the start of the optimisation."""


@dataclass(frozen=True)
class Kernel:
    """k(x, z) = sum over k of v_k exp(-|x_k - z_k|^2 / (2 l_k^2)), or of v_k x_k.z_k for a linear summand.

    Hyper-parameters are one vector (2 K + 1,): log l_k (no effect if linear), log v_k, and the log of the noise variance.
    """

    forms: tuple[Form, ...]

    def compare(self, one: Inputs, other: Inputs) -> list[Array]:
        """What each summand is a function of, (N, M): squared distances, or dot products if linear."""
        return [a @ b.T if form == "linear" else squared_distances(a, b) for form, a, b in zip(self.forms, one, other, strict=True)]

    def summands(self, compared: Sequence[Array], hyper: Array) -> list[Array]:
        """The K summands, each (N, M)."""
        lengths, variances = np.exp(hyper[: len(self.forms)]), np.exp(hyper[len(self.forms) : -1])
        return [
            v * (c if form == "linear" else np.exp(c * (-0.5 / length**2)))
            for form, c, length, v in zip(self.forms, compared, lengths, variances, strict=True)
        ]

    def variances(self, inputs: Inputs, hyper: Array) -> Array:
        """k(x, x), (N,)."""
        values = np.exp(hyper[len(self.forms) : -1])
        parts = [
            v * ((x * x).sum(axis=1) if form == "linear" else np.ones(len(x)))
            for form, x, v in zip(self.forms, inputs, values, strict=True)
        ]
        return np.asarray(np.sum(parts, axis=0))


def squared_distances(one: Array, other: Array) -> Array:
    """|x - z|^2 for the rows of (N, D) and (M, D): (N, M)."""
    distances = (one * one).sum(axis=1)[:, None] + (other * other).sum(axis=1) - 2 * one @ other.T
    return np.asarray(np.maximum(distances, 0.0))


def initial_hyper_parameters(kernel: Kernel, inputs: Inputs, noise: float) -> Array:
    """Initial hyper-parameters: length scales are the median distance in `inputs`, variances are equal and sum to 1."""
    lengths = [
        0.0 if form == "linear" else log(max(float(np.median(squared_distances(x, x))) ** 0.5, 0.1))
        for form, x in zip(kernel.forms, inputs, strict=True)
    ]
    return np.array([*lengths, *[-log(len(kernel.forms))] * len(kernel.forms), log(noise)])


def negative_log_posterior(
    hyper: Array, kernel: Kernel, compared: Sequence[Array], targets: Array, prior_mean: Array
) -> tuple[float, Array]:
    """-log p(targets | hyper) (equation 5.8, without its constant) - log p(hyper), and its gradient (equation 5.9).

    Differs: log hyper-parameters have a normal prior with mean `prior_mean` and deviation 1, since a search starts with few
    results.
    """
    count = len(kernel.forms)
    summands = kernel.summands(compared, hyper)
    lower = _cholesky(summands, hyper)
    inverse = _inverse(lower)
    alpha = inverse @ targets
    value = 0.5 * float(targets @ alpha) + float(np.log(np.diag(lower)).sum())
    outer = inverse - np.outer(alpha, alpha)
    gradient = np.empty_like(hyper)
    for k, (form, summand, c) in enumerate(zip(kernel.forms, summands, compared, strict=True)):
        weighted = outer * summand
        gradient[count + k] = 0.5 * weighted.sum()
        gradient[k] = 0.0 if form == "linear" else 0.5 * (weighted * c).sum() * np.exp(-2 * hyper[k])
    gradient[-1] = 0.5 * np.trace(outer) * np.exp(hyper[-1])
    offset = (hyper - prior_mean) / PRIOR_DEVIATION
    return value + 0.5 * float(offset @ offset), gradient + offset / PRIOR_DEVIATION


def fitted_hyper_parameters(kernel: Kernel, inputs: Inputs, targets: Array, prior_mean: Array) -> Array:
    """The maximum a posteriori hyper-parameters that L-BFGS finds from `prior_mean` in at most 30 iterations."""
    from scipy.optimize import minimize

    compared = kernel.compare(inputs, inputs)
    found: Any = minimize(
        negative_log_posterior,
        prior_mean,
        args=(kernel, compared, targets, prior_mean),
        jac=True,
        method="L-BFGS-B",
        bounds=[(x - BOUND, x + BOUND) for x in prior_mean],
        options={"maxiter": MOST_ITERATIONS},
    )
    return np.asarray(found.x)


@dataclass(frozen=True)
class GaussianProcess:
    """A posterior: `lower` is the Cholesky factor of the kernel matrix K, `alpha` is K^-1 targets."""

    kernel: Kernel
    hyper: Array
    inputs: Inputs
    targets: Array
    lower: Array
    alpha: Array

    @classmethod
    def of(cls, kernel: Kernel, hyper: Array, inputs: Inputs, targets: Array) -> Self:
        """The posterior (Algorithm 2.1, lines 2 and 3). inputs: one array (N, D_k) per summand. targets: (N,), of mean 0."""
        from scipy.linalg import cho_solve

        lower = _cholesky(kernel.summands(kernel.compare(inputs, inputs), hyper), hyper)
        return cls(kernel, hyper, inputs, targets, lower, cho_solve((lower, True), targets))

    def predict(self, inputs: Inputs) -> tuple[Array, Array]:
        """Mean and standard deviation without noise at M inputs, (M,) each (Algorithm 2.1, lines 4 to 6)."""
        from scipy.linalg import solve_triangular

        covariance = sum(self.kernel.summands(self.kernel.compare(inputs, self.inputs), self.hyper))
        explained = solve_triangular(self.lower, np.asarray(covariance).T, lower=True)
        variance = self.kernel.variances(inputs, self.hyper) - (explained * explained).sum(axis=0)
        return covariance @ self.alpha, np.sqrt(np.maximum(variance, 1e-12))


def _cholesky(summands: Sequence[Array], hyper: Array) -> Array:
    total = np.sum(summands, axis=0)
    total[np.diag_indices(len(total))] += np.exp(hyper[-1]) + JITTER
    return np.linalg.cholesky(total)


def _inverse(lower: Array) -> Array:
    """The inverse of the matrix with this Cholesky factor."""
    from scipy.linalg import lapack

    triangle, _ = lapack.dpotri(lower, lower=1)
    triangle = np.tril(triangle)
    return np.asarray(triangle + np.tril(triangle, -1).T)
