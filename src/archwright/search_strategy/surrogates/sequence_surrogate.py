"""A surrogate that reads architectures of any length, answer by answer (Liu et al. 2018, arXiv:1712.00559, section 3.4)."""

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
"""Of Adam when the predictors are made, and when they learn on with the results of a further level."""
INITIAL_RANGE = 0.1
AT_ONCE = 1000
"""Architectures that are predicted together, for the sake of memory."""


class LSTMReader(nn.Module):
    """An LSTM over the embedded answers; its last output gives the score."""

    def __init__(self, tokens: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.empty(tokens, hidden))
        self.lstm = nn.LSTM(hidden, hidden, batch_first=True, device="meta").to_empty(device="cpu")
        self.head = nn.Linear(hidden, 1, device="meta").to_empty(device="cpu")

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """tokens: (N, L), of which the first `lengths` (N,) count. Returns (N,) scores between 0 and 1."""
        outputs, _ = self.lstm(self.embedding[tokens])
        last = outputs[torch.arange(len(tokens)), lengths - 1]
        scores: Tensor = self.head(last).squeeze(1).sigmoid()
        return scores


class MLPReader(nn.Module):
    """The mean of the embedded answers, through two layers of ReLU."""

    def __init__(self, tokens: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.empty(tokens, hidden))
        widths = ((hidden, hidden), (hidden, hidden), (hidden, 1))
        first, second, third = (nn.Linear(*width, device="meta").to_empty(device="cpu") for width in widths)
        self.layers = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), third)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """As `LSTMReader`."""
        there = torch.arange(tokens.shape[1]) < lengths.unsqueeze(1)  # (N, L)
        total = (self.embedding[tokens] * there.unsqueeze(2)).sum(dim=1)
        scores: Tensor = self.layers(total / lengths.unsqueeze(1)).squeeze(1).sigmoid()
        return scores


class SequenceSurrogate:
    """An ensemble of five, each of which leaves out another fifth of the data; their mean is the prediction.

    An answer's embedding belongs to the kind of question, its name without numbers, and the option: so what was learned of the
    first block holds for the next. Each `fit` takes `steps` of Adam on all its data; the loss is the mean absolute error.
    """

    def __init__(self, questions: Sequence[Question], reader: Reader, hidden: int, steps: int) -> None:
        pairs = dict.fromkeys((_kind(question.name), repr(option)) for question in questions for option in question.options)
        self.tokens = {pair: i for i, pair in enumerate(pairs)}
        self.steps = steps
        made = LSTMReader if reader == "lstm" else MLPReader
        self.members = [made(len(self.tokens), hidden) for _ in range(MEMBERS)]
        draw = torch.Generator().manual_seed(0)
        for parameter in (parameter for member in self.members for parameter in member.parameters()):
            bound = INITIAL_RANGE if parameter.ndim < 2 else parameter.shape[-1] ** -0.5
            nn.init.uniform_(parameter, -bound, bound, generator=draw)
        self.rate = FIRST_RATE

    def fit(self, architectures: Sequence[Mapping[str, Option]], scores: Sequence[float]) -> None:
        """Learns on from what was learned before. `architectures`: answers in the order of asking; `scores`: between 0 and 1."""
        tokens, lengths = self._padded(architectures)
        target = torch.tensor(scores)
        order = list(range(len(scores)))
        Random(0).shuffle(order)
        for number, member in enumerate(self.members):
            kept = [row for place, row in enumerate(order) if place % MEMBERS != number] or order
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
        """The mean of the members' scores for each architecture."""
        predicted: list[float] = []
        for first in range(0, len(architectures), AT_ONCE):
            padded = self._padded(architectures[first : first + AT_ONCE])
            predicted += torch.stack([member(*padded) for member in self.members]).mean(dim=0).tolist()
        return predicted

    def _padded(self, architectures: Sequence[Mapping[str, Option]]) -> tuple[Tensor, Tensor]:
        """(N, L) tokens, 0 behind the end of a shorter one, and (N,) lengths."""
        rows = [[self.tokens[_kind(name), repr(answer)] for name, answer in answers.items()] for answers in architectures]
        padded = nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)
        return padded, torch.tensor([len(row) for row in rows])


@cache
def _kind(question: str) -> str:
    return re.sub(r"\d+", "#", question)
