"""A surrogate for architectures of any length, read answer by answer (Liu et al. 2018, arXiv:1712.00559, section 3.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from random import Random
from typing import Literal

import torch
from torch import Tensor, nn

from archwright.architecture.question import Option, Question

Reader = Literal["lstm", "mlp"]

MEMBERS = 5
FIRST_RATE, LATER_RATE = 0.01, 0.002
"""Learning rates of Adam for the first fit, and for later fits with the results of a further level."""
INITIAL_RANGE = 0.1
PREDICTION_BATCH = 1000
"""Architectures predicted per batch, to bound memory."""


class LSTMReader(nn.Module):
    """An LSTM over the embedded answers; its output after the last answer gives the score."""

    def __init__(self, tokens: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.empty(tokens, hidden))
        self.lstm = nn.LSTM(hidden, hidden, batch_first=True, device="meta").to_empty(device="cpu")
        self.head = nn.Linear(hidden, 1, device="meta").to_empty(device="cpu")

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """tokens: (N, L), padded after the first `lengths` (N,). Returns (N,) scores between 0 and 1."""
        outputs, _ = self.lstm(self.embedding[tokens])
        last = outputs[torch.arange(len(tokens)), lengths - 1]
        scores: Tensor = self.head(last).squeeze(1).sigmoid()
        return scores


class MLPReader(nn.Module):
    """An MLP with two hidden ReLU layers on the mean of the embedded answers."""

    def __init__(self, tokens: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.empty(tokens, hidden))
        widths = ((hidden, hidden), (hidden, hidden), (hidden, 1))
        first, second, third = (nn.Linear(*width, device="meta").to_empty(device="cpu") for width in widths)
        self.layers = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), third)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """As `LSTMReader`."""
        mask = torch.arange(tokens.shape[1]) < lengths.unsqueeze(1)  # (N, L)
        total = (self.embedding[tokens] * mask.unsqueeze(2)).sum(dim=1)
        scores: Tensor = self.layers(total / lengths.unsqueeze(1)).squeeze(1).sigmoid()
        return scores


class SequenceSurrogate:
    """An ensemble of five models, each fitted without a different fifth of the data; the prediction is their mean.

    An embedding is shared by all answers with the same option and kind of question (its name without numbers), so what is learned
    about the first block carries over to the next. Each `fit` takes `steps` of full-batch Adam on the mean absolute error.
    """

    def __init__(self, questions: Sequence[Question], reader: Reader, hidden: int, steps: int) -> None:
        pairs = dict.fromkeys((_kind(question.name), repr(option)) for question in questions for option in question.options)
        self.tokens = {pair: i for i, pair in enumerate(pairs)}
        self.steps = steps
        reader_class = LSTMReader if reader == "lstm" else MLPReader
        self.members = [reader_class(len(self.tokens), hidden) for _ in range(MEMBERS)]
        draw = torch.Generator().manual_seed(0)
        for parameter in (parameter for member in self.members for parameter in member.parameters()):
            bound = INITIAL_RANGE if parameter.ndim < 2 else parameter.shape[-1] ** -0.5
            nn.init.uniform_(parameter, -bound, bound, generator=draw)
        self.rate = FIRST_RATE

    def fit(self, architectures: Sequence[Mapping[str, Option]], scores: Sequence[float]) -> None:
        """Continues from the earlier fits. `architectures`: answers in the order of the questions. `scores`: between 0 and 1."""
        tokens, lengths = self._padded(architectures)
        target = torch.tensor(scores)
        order = list(range(len(scores)))
        Random(0).shuffle(order)
        for number, member in enumerate(self.members):
            kept = [row for position, row in enumerate(order) if position % MEMBERS != number] or order
            self._train(member, tokens[kept], lengths[kept], target[kept])
        self.rate = LATER_RATE

    def _train(self, member: nn.Module, tokens: Tensor, lengths: Tensor, target: Tensor) -> None:
        optimizer = torch.optim.Adam(member.parameters(), lr=self.rate)
        for _ in range(self.steps):
            optimizer.zero_grad()
            torch.autograd.backward((member(tokens, lengths) - target).abs().mean())
            optimizer.step()

    @torch.no_grad()
    def predict(self, architectures: Sequence[Mapping[str, Option]]) -> list[float]:
        """The mean of the members' predictions for each architecture."""
        predicted: list[float] = []
        for first in range(0, len(architectures), PREDICTION_BATCH):
            padded = self._padded(architectures[first : first + PREDICTION_BATCH])
            predicted += torch.stack([member(*padded) for member in self.members]).mean(dim=0).tolist()
        return predicted

    def _padded(self, architectures: Sequence[Mapping[str, Option]]) -> tuple[Tensor, Tensor]:
        """(N, L) tokens, padded with 0, and (N,) lengths."""
        rows = [[self.tokens[_kind(name), repr(answer)] for name, answer in answers.items()] for answers in architectures]
        padded = nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
        return padded, torch.tensor([len(row) for row in rows])


@cache
def _kind(question: str) -> str:
    return re.sub(r"\d+", "#", question)
