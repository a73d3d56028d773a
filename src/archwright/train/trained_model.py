"""A trained network with its preprocessing: raw inputs in, logits or targets in their own units out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from archwright.data.preprocessing import Preprocessing
from archwright.data.problem import Problem
from archwright.data.raw_data import Array
from archwright.errors import ShapeError
from archwright.ops.carried_state import separate_stream
from archwright.train.metric import log_likelihood
from archwright.train.text_streams import evaluation_batches

NUMBERS_PER_BATCH = 2**20
LEAST_BATCH, LARGEST_BATCH = 32, 512


class Normalise(nn.Module):
    """(x - mean) / std per channel or feature. x: (B, *input_shape) of any type; returns the same shape in float32."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float], dimensions: int) -> None:
        super().__init__()
        shape = (-1, *(1,) * dimensions)
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).reshape(shape))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).reshape(shape))

    def forward(self, x: Tensor) -> Tensor:
        return (x.to(torch.float32) - self.mean) / self.std


def normalisation(preprocessing: Preprocessing, problem: Problem) -> nn.Module:
    """The module that turns raw inputs into inputs of the network; tokens are unchanged."""
    if problem.level is not None:
        return nn.Identity()
    return Normalise(preprocessing.input_mean, preprocessing.input_std, problem.dimensions)


class Scale(nn.Module):
    """Standardised targets back to their own units. y: (B, T)."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32))

    def forward(self, y: Tensor) -> Tensor:
        return y * self.std + self.mean


class TrainedModel(nn.Module):
    """(B, *input_shape) raw inputs -> (B, outputs): logits, or a regression's targets in their own units; (B, T) tokens -> logits.

    The plain network is `network`; the constants before and after it are buffers, so the whole model moves between devices.
    """

    def __init__(self, network: nn.Module, problem: Problem, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.problem = problem
        self.normalise = normalisation(preprocessing, problem)
        self.network = network
        self.scale: nn.Module = nn.Identity()
        if preprocessing.target_mean is not None and preprocessing.target_std is not None:
            self.scale = Scale(preprocessing.target_mean, preprocessing.target_std)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.scale(self.network(self.normalise(x)))
        return output


def predict(model: TrainedModel, x: Array, *, batch_size: int | None = None, device: str | torch.device = "cpu") -> Array:
    """The model's outputs for raw inputs, in float32 and evaluation mode. x: (N, *input_shape); returns (N, outputs).

    Final evaluations and reloaded models both use this function, so their numbers are the same.
    Raises ShapeError if x does not have the problem's input shape.
    """
    if tuple(x.shape[1:]) != model.problem.input_shape:
        shape = model.problem.input_shape
        raise ShapeError(
            f"inputs have shape {tuple(x.shape[1:])}, but the model was trained on {shape}: give {('N', *shape)}".replace("'", "")
        )
    batch_size = batch_size or evaluation_batch(model.problem.input_shape)
    outputs = [np.empty((0, model.problem.outputs), np.float32)]
    with _evaluating(model.to(device)), torch.inference_mode():
        for start in range(0, len(x), batch_size):
            batch = torch.from_numpy(np.array(x[start : start + batch_size])).to(device)
            outputs.append(model(batch).cpu().numpy())
    return np.concatenate(outputs)


def log_likelihoods(model: TrainedModel, x: Array, y: Array, *, device: str | torch.device = "cpu") -> Array:
    """The natural logarithm of the probability of each next token, in float32 and evaluation mode, with the state carried in order.

    x, y: (N, T) consecutive windows and, for each of their tokens, the next one; returns (N, T). For texts, this takes the place of
    `predict`.
    """
    likelihoods = np.empty(y.shape, np.float32)
    with _evaluating(model.to(device)), separate_stream(model), torch.inference_mode():
        for rows in evaluation_batches(len(x)):
            tokens, next_tokens = (torch.from_numpy(np.array(part[rows])).to(device) for part in (x, y))
            likelihoods[rows] = log_likelihood(model(tokens), next_tokens).cpu().numpy()
    return likelihoods


def evaluation_batch(input_shape: Sequence[int]) -> int:
    """The batch size without gradients: about a million input values, between 32 and 512 samples."""
    return max(LEAST_BATCH, min(LARGEST_BATCH, NUMBERS_PER_BATCH // int(np.prod(input_shape))))


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
