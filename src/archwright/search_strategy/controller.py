"""The controller: an LSTM that answers a space's questions one after another (Zoph & Le 2017, arXiv:1611.01578, section 3.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import Tensor, nn

from archwright.architecture.asking import Answers, Decide, ask
from archwright.architecture.question import Option, Question
from archwright.errors import InputError

HIDDEN = 100
"""Units of the LSTM in NASNet and ENAS."""

INITIAL_RANGE = 0.1
"""Weights begin uniform between minus and plus this (NASNet, appendix A.1)."""


@dataclass(frozen=True)
class Sampled:
    """One architecture that a controller has answered: what `decide` returned, the answers in the order of asking.

    `log_prob`: (), the log-probability of the answers. `entropy`: (), the sum of the entropies of the softmaxes on the way.
    """

    description: Any
    answers: Answers
    log_prob: Tensor
    entropy: Tensor


class Controller(nn.Module):
    """p(answers) = product over the questions asked of p(answer | answers before), each question with a softmax of its own.

    At each question the LSTM reads the answer before, and its output gives the logits of the question's options; they are divided
    by `temperature`, then squashed to `tanh_constant` x tanh (Bello et al. 2017, as in ENAS), where these are given.
    Differs: it reads which question is asked, too, as in a conditional space that depends on the answers.
    """

    options: Tensor
    """(Q, T), bool: which of the T tokens, pairs of question and option, are each question's."""

    def __init__(
        self,
        questions: Sequence[Question],
        hidden: int = HIDDEN,
        temperature: float | None = None,
        tanh_constant: float | None = None,
        seed: int = 0,
    ) -> None:
        """`questions`: all that can be asked. `seed`: of the weights at the beginning; the global generator is left alone."""
        super().__init__()
        self.questions = {question.name: (place, question) for place, question in enumerate(questions)}
        self.temperature, self.tanh_constant = temperature, tanh_constant
        counts = [len(question.options) for question in questions]
        self.firsts = [sum(counts[:place]) for place in range(len(counts))]
        self.begin = sum(counts)  # stands for the answer before the first
        self.answered = nn.Parameter(torch.empty(self.begin + 1, hidden))
        self.asked = nn.Parameter(torch.empty(len(questions), hidden))
        self.lstm = nn.LSTM(hidden, hidden, batch_first=True, device="meta").to_empty(device="cpu")
        self.head = nn.Linear(hidden, self.begin, device="meta").to_empty(device="cpu")
        options = torch.zeros(len(questions), self.begin, dtype=torch.bool)
        for place, (first, count) in enumerate(zip(self.firsts, counts, strict=True)):
            options[place, first : first + count] = True
        self.register_buffer("options", options)
        draw = torch.Generator().manual_seed(seed)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -INITIAL_RANGE, INITIAL_RANGE, generator=draw)

    def sample(self, decide: Decide, rng: Random) -> Sampled:
        """Answers what `decide` asks, each option with its probability. Raises InputError at a question that is not known."""
        log_probs, entropies = [self.asked.new_zeros(())], [self.asked.new_zeros(())]
        before, state = self.begin, None

        def answer(question: Question) -> Option:
            nonlocal before, state
            place = self._place(question)
            output, state = self.lstm((self.answered[before] + self.asked[place]).view(1, 1, -1), state)
            first, count = self.firsts[place], len(question.options)
            log_p = self._logits(output[0, 0])[first : first + count].log_softmax(dim=0)  # (options,)
            p = log_p.exp()
            chosen = rng.choices(range(count), weights=p.tolist())[0]
            log_probs.append(log_p[chosen])
            entropies.append(-(p * log_p).sum())
            before = first + chosen
            return question.options[chosen]

        description, answers = ask(decide, answer)
        return Sampled(description, answers, torch.stack(log_probs).sum(), torch.stack(entropies).sum())

    def log_prob(self, batch: Sequence[Mapping[str, Option]]) -> tuple[Tensor, Tensor]:
        """Of N sets of answers, each in the order of asking: (N,) log-probabilities, and (N,) entropies as in `Sampled`.

        Raises InputError at a question or an answer that is not known.
        """
        places, tokens = self._padded(batch)  # (N, L), -1 behind the last question of a shorter one
        there = places >= 0
        places, tokens = places.clamp(min=0), tokens.clamp(min=0)
        before = torch.cat([torch.full_like(tokens[:, :1], self.begin), tokens[:, :-1]], dim=1)
        outputs, _ = self.lstm(self.answered[before] + self.asked[places])
        options = self.options[places]  # (N, L, T)
        log_p = self._logits(outputs).masked_fill(~options, -torch.inf).log_softmax(dim=2)
        entropies = -(log_p.exp() * log_p.masked_fill(~options, 0.0)).sum(dim=2)
        chosen = log_p.gather(2, tokens.unsqueeze(2)).squeeze(2)
        return chosen.masked_fill(~there, 0.0).sum(dim=1), entropies.masked_fill(~there, 0.0).sum(dim=1)

    def _logits(self, outputs: Tensor) -> Tensor:
        """(..., H) outputs of the LSTM -> (..., T) logits of all questions' options."""
        logits: Tensor = self.head(outputs)
        if self.temperature is not None:
            logits = logits / self.temperature
        return logits if self.tanh_constant is None else self.tanh_constant * torch.tanh(logits)

    def _padded(self, batch: Sequence[Mapping[str, Option]]) -> tuple[Tensor, Tensor]:
        rows = [[self._token(name, answer) for name, answer in answers.items()] for answers in batch]
        pairs = [torch.tensor(row).view(-1, 2) for row in rows]
        padded = nn.utils.rnn.pad_sequence(pairs, batch_first=True, padding_value=-1).to(self.asked.device)
        return padded[:, :, 0], padded[:, :, 1]

    def _token(self, name: str, answer: Option) -> tuple[int, int]:
        """The place of a question, and that of its answer among all tokens."""
        if name not in self.questions:
            raise _unknown(name)
        place, question = self.questions[name]
        question.check(answer)
        return place, self.firsts[place] + (question.position(answer) or 0)

    def _place(self, question: Question) -> int:
        if question.name not in self.questions:
            raise _unknown(question.name)
        return self.questions[question.name][0]


def _unknown(name: str) -> InputError:
    return InputError(
        f"the space asks {name!r}, which is not among its questions: let its method `questions` return all that can be asked"
    )
