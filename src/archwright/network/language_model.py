"""A language model around any recurrence: predicts the next token."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from archwright.ops.carried_state import CarriedState, Recurrence, State
from archwright.ops.variational_dropout import VariationalDropout, masked

EMBEDDING_RANGE = 0.1
"""Embeddings are initialised uniformly within this distance of zero (Merity et al. 2018, arXiv:1708.02182, section 5)."""


class LanguageModel(nn.Module):
    """Embedding, recurrence, and a decoder with tied weights: tokens (B, T) -> logits (B, T, vocabulary) of each next token.

    Tied weights: Press & Wolf 2017, arXiv:1608.05859; Inan et al. 2017, arXiv:1611.01462. `recurrence`: an nn.Module that is a
    `Recurrence` of `width`; its state is carried from call to call (`ops/carried_state.py`). Tokens may have any numeric type.
    Further inputs of a call, such as a supernet's gates, are passed on to the recurrence.
    """

    def __init__(self, recurrence: nn.Module, vocabulary: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        nn.init.uniform_(self.embedding.weight, -EMBEDDING_RANGE, EMBEDDING_RANGE)
        self.recurrence = CarriedState(recurrence)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        self.word_dropout = VariationalDropout("embedding_dropout")
        self.input_dropout, self.output_dropout = VariationalDropout(), VariationalDropout()

    def forward(self, tokens: Tensor, *more: Tensor) -> Tensor:
        x = self.input_dropout(self._embed(tokens.long().t()))  # (T, B, H)
        outputs = self.output_dropout(self.recurrence(x, *more))
        return self._decode(outputs.transpose(0, 1))

    def step(self, token: Tensor, state: State) -> tuple[Tensor, State]:
        """One token per stream: token (B,) and state -> logits (B, vocabulary) and the next state. Carries no state."""
        outputs, state = cast(Recurrence, self.recurrence.recurrence)(self._embed(token.long()[None]), state)
        return self._decode(outputs[0]), state

    def initial(self, batch: int) -> State:
        """The initial state of `batch` streams."""
        return cast(Recurrence, self.recurrence.recurrence).initial(batch, self.embedding.weight)

    def _embed(self, tokens: Tensor) -> Tensor:
        """tokens (T, B) -> (T, B, H); while training, some words are dropped at all their positions."""
        weight = self.embedding.weight
        return F.embedding(tokens, masked(weight, self.word_dropout.mask(weight[:, :1])))

    def _decode(self, outputs: Tensor) -> Tensor:
        return F.linear(outputs, self.embedding.weight, self.bias)
