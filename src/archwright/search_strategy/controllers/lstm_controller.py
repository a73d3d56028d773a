"""The controller: an LSTM that answers a space's questions one after another (Zoph & Le 2017, arXiv:1611.01578, section 3.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import torch
from torch import Tensor, nn

from archwright.architecture.question import Option, Question
from archwright.architecture.variation import Answers, Decide, ask
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


@dataclass(frozen=True, eq=False)
class AnswerDistributions:
    """What a controller says of N sets of answers with at most L questions; T tokens are all pairs of question and option.

    `log_p`: (N, L, T), the log-probability of each option of a question after the answers before; minus infinity for what is no
    option of it. `chosen`: (N, L), tokens of the answers. `there`: (N, L) bool, false behind the last question of a shorter set.
    """

    log_p: Tensor
    chosen: Tensor
    there: Tensor

    @property
    def log_prob(self) -> Tensor:
        """(N,): of all answers of a set."""
        return self._summed(self.log_p.gather(2, self.chosen.unsqueeze(2)).squeeze(2))

    @property
    def entropy(self) -> Tensor:
        """(N,): summed over the softmaxes on the way, in nats."""
        return self._summed(-self._mean(self.log_p))

    def divergence(self, log_prior: Tensor) -> Tensor:
        """(N,): the Kullback-Leibler divergence of a softmax on the way from its prior, in nats, mean over those that have one.

        log_prior: (T,), NaN for the options of questions without a prior (see `Controller.log_prior`). 0 where none has.
        """
        known = ~log_prior.isnan()
        questions = self._summed(known[self.chosen].to(self.log_p.dtype))
        total = self._summed(self._mean((self.log_p - log_prior.nan_to_num()).masked_fill(~known, 0.0)))
        return total / questions.clamp(min=1.0)

    def _mean(self, values: Tensor) -> Tensor:
        """(N, L, T) -> (N, L): expected over the options of each question."""
        return (self.log_p.exp() * values.masked_fill(self.log_p.isinf(), 0.0)).sum(dim=2)

    def _summed(self, values: Tensor) -> Tensor:
        return values.masked_fill(~self.there, 0.0).sum(dim=1)


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
        return self._answer(decide, lambda p: rng.choices(range(len(p)), weights=p)[0])

    def most_probable(self, decide: Decide) -> Sampled:
        """Answers what `decide` asks, each question with what is most probable after the answers before. Raises as `sample`."""
        return self._answer(decide, lambda p: p.index(max(p)))

    def _answer(self, decide: Decide, choose: Callable[[list[float]], int]) -> Sampled:
        """`choose`: the number of an option, from the probabilities of all. A step of `self.lstm` without its setting up."""
        log_probs, entropies = [self.asked.new_zeros(())], [self.asked.new_zeros(())]
        weights, blank = self.lstm.all_weights[0], self.asked.new_zeros(1, self.lstm.hidden_size)
        before, state = self.begin, (blank, blank)

        def answer(question: Question) -> Option:
            nonlocal before, state
            place = self._place(question)
            state = torch.lstm_cell((self.answered[before] + self.asked[place]).unsqueeze(0), state, *weights)
            own = slice(self.firsts[place], self.firsts[place] + len(question.options))
            log_p = self._logits(state[0][0], own).log_softmax(dim=0)  # (options,)
            p = log_p.exp()
            chosen = choose(p.tolist())
            log_probs.append(log_p[chosen])
            entropies.append(-(p * log_p).sum())
            before = own.start + chosen
            return question.options[chosen]

        description, answers = ask(decide, answer)
        return Sampled(description, answers, torch.stack(log_probs).sum(), torch.stack(entropies).sum())

    def distributions(self, batch: Sequence[Mapping[str, Option]]) -> AnswerDistributions:
        """N sets of answers, each in the order of asking. Raises InputError at a question or an answer that is not known."""
        places, tokens = self._padded(batch)  # (N, L), -1 behind the last question of a shorter one
        there = places >= 0
        places, tokens = places.clamp(min=0), tokens.clamp(min=0)
        before = torch.cat([torch.full_like(tokens[:, :1], self.begin), tokens[:, :-1]], dim=1)
        outputs, _ = self.lstm(self.answered[before] + self.asked[places])
        log_p = self._logits(outputs).masked_fill(~self.options[places], -torch.inf).log_softmax(dim=2)
        return AnswerDistributions(log_p, tokens, there)

    def log_prob(self, batch: Sequence[Mapping[str, Option]]) -> tuple[Tensor, Tensor]:
        """Of what `distributions` says: (N,) log-probabilities, and (N,) entropies as in `Sampled`."""
        distributions = self.distributions(batch)
        return distributions.log_prob, distributions.entropy

    def log_prior(self, probabilities: Mapping[str, Sequence[float]]) -> Tensor:
        """(T,): a prior for `AnswerDistributions.divergence`, from the probabilities of all options of some questions."""
        prior = self.asked.new_full((self.begin,), torch.nan)
        for name, of in probabilities.items():
            first = self.firsts[self.questions[name][0]]
            prior[first : first + len(of)] = torch.tensor(of, dtype=prior.dtype)
        return prior.log()

    def _logits(self, outputs: Tensor, tokens: slice = slice(None)) -> Tensor:
        """(..., H) outputs of the LSTM -> (..., T) logits of all questions' options, or of these tokens alone."""
        logits = nn.functional.linear(outputs, self.head.weight[tokens], self.head.bias[tokens])
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
