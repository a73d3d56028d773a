"""Hand-designed single-layer recurrent networks of a given size: language models with LSTM or GRU."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from archwright.data.problem import Problem
from archwright.errors import InputError
from archwright.network.language_model import LanguageModel
from archwright.ops.variational_dropout import VariationalDropout, masked

CELL = 20 * 200**2
"""Weights of a recurrent cell with eight gated nodes of width 200 (Pham et al. 2018, arXiv:1802.03268): the default size."""


def lstm(problem: Problem, parameters: int | None = None) -> nn.Module:
    """Single-layer LSTM (Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000), as large as the searched cells."""
    return _language_model(problem, "lstm", LSTM, parameters)


def gru(problem: Problem, parameters: int | None = None) -> nn.Module:
    """Single-layer GRU (Cho et al. 2014, arXiv:1406.1078), as large as the searched cells."""
    return _language_model(problem, "gru", GRU, parameters)


class LSTM(nn.Module):
    """i, f, o = sigmoid, g = tanh of W x_t + U h_(t-1) + b; c_t = f c_(t-1) + i g; h_t = o tanh(c_t). x: (T, B, H).

    The state is (h, c), (B, H) each. The bias of the forget gate is initialised to 1 (Jozefowicz et al. 2015).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.input, self.hidden = nn.Linear(width, 4 * width), nn.Linear(width, 4 * width, bias=False)
        self.hidden_dropout = VariationalDropout("hidden_dropout")
        with torch.no_grad():
            self.input.bias[width : 2 * width] = 1.0

    def initial(self, batch: int, like: Tensor) -> tuple[Tensor, Tensor]:
        zeros = like.new_zeros(batch, self.hidden.in_features)
        return zeros, zeros

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        h, c = state
        mask, outputs = self.hidden_dropout.mask(h), []
        for step in self.input(x).unbind(0):
            i, f, o, g = (step + self.hidden(masked(h, mask))).chunk(4, dim=-1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            outputs.append(h)
        return torch.stack(outputs), (h, c)


class GRU(nn.Module):
    """r, z = sigmoid of W x_t + U h_(t-1) + b; n = tanh(W x_t + b + r (U h_(t-1) + b)); h_t = (1 - z) n + z h_(t-1). x: (T, B, H).

    The reset gate is applied after the matrix product, as in cuDNN. The state is h, (B, H).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.input, self.hidden = nn.Linear(width, 3 * width), nn.Linear(width, 3 * width)
        self.hidden_dropout = VariationalDropout("hidden_dropout")

    def initial(self, batch: int, like: Tensor) -> Tensor:
        return like.new_zeros(batch, self.hidden.in_features)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        mask, outputs = self.hidden_dropout.mask(state), []
        for step in self.input(x).unbind(0):
            r, z, n = step.chunk(3, dim=-1)
            hidden_r, hidden_z, hidden_n = self.hidden(masked(state, mask)).chunk(3, dim=-1)
            candidate = torch.tanh(n + torch.sigmoid(r + hidden_r) * hidden_n)
            state = candidate + torch.sigmoid(z + hidden_z) * (state - candidate)
            outputs.append(state)
        return torch.stack(outputs), state


def _language_model(problem: Problem, name: str, cell: type[LSTM] | type[GRU], parameters: int | None) -> nn.Module:
    """Raises InputError if the task is not language modelling."""
    if problem.level is None:
        raise InputError(f"baseline {name!r} is for text, and {problem.name} is a {problem.task} task: choose another baseline")
    width = fitting_width(lambda width: _size(cell, width, problem.outputs), parameters or CELL + 201 * problem.outputs)
    return LanguageModel(cell(width), problem.outputs, width)


def fitting_width(size: Callable[[int], int], wanted: int) -> int:
    """The width, at least 1, at which the increasing function `size` is closest to `wanted`."""
    width = 1
    while size(width + 1) <= wanted:
        width += 1
    return min((width, width + 1), key=lambda one: abs(size(one) - wanted))


def _size(cell: type[LSTM] | type[GRU], width: int, vocabulary: int) -> int:
    """Number of parameters of the language model around a cell."""
    with torch.device("meta"):
        recurrence = sum(weight.numel() for weight in cell(width).parameters())
    return recurrence + vocabulary * (width + 1)
