"""The controller: an LSTM that answers a space's questions in sequence (Zoph & Le 2017, arXiv:1611.01578, section 3.1)."""

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
"""Weights are initialised uniformly in [-0.1, 0.1] (NASNet, appendix A.1)."""


@dataclass(frozen=True)
class SampledArchitecture:
    """One architecture sampled from a controller: what `decide` returned, and the answers in the order of the questions.

    `log_prob`: (), the log-probability of all answers. `entropy`: (), the entropies of all softmaxes, summed.
    """

    description: Any
    answers: Answers
    log_prob: Tensor
    entropy: Tensor


@dataclass(frozen=True, eq=False)
class AnswerDistributions:
    """A controller's distributions for N sets of at most L answers; each pair of question and option is one of T tokens.

    `log_p`: (N, L, T), the log-probability of each option of a question given the earlier answers; minus infinity for tokens of
    other questions. `chosen`: (N, L), tokens of the answers. `mask`: (N, L) bool, false for padding after the last question.
    """

    log_p: Tensor
    chosen: Tensor
    mask: Tensor

    @property
    def log_prob(self) -> Tensor:
        """(N,): the log-probability of all answers of a set."""
        return self._sum_over_questions(self.log_p.gather(2, self.chosen.unsqueeze(2)).squeeze(2))

    @property
    def entropy(self) -> Tensor:
        """(N,): the entropies of all softmaxes of a set, summed, in nats."""
        return self._sum_over_questions(-self._expected(self.log_p))

    def divergence(self, log_prior: Tensor) -> Tensor:
        """(N,): the Kullback-Leibler divergence of the softmaxes from their priors, in nats: the mean over questions with a prior.

        log_prior: (T,), NaN for the options of questions without a prior (see `Controller.log_prior`). 0 where no question has one.
        """
        known = ~log_prior.isnan()
        questions = self._sum_over_questions(known[self.chosen].to(self.log_p.dtype))
        total = self._sum_over_questions(self._expected((self.log_p - log_prior.nan_to_num()).masked_fill(~known, 0.0)))
        return total / questions.clamp(min=1.0)

    def _expected(self, values: Tensor) -> Tensor:
        """(N, L, T) -> (N, L): the expected value over the options of each question."""
        return (self.log_p.exp() * values.masked_fill(self.log_p.isinf(), 0.0)).sum(dim=2)

    def _sum_over_questions(self, values: Tensor) -> Tensor:
        return values.masked_fill(~self.mask, 0.0).sum(dim=1)


class Controller(nn.Module):
    """p(answers) = product over the questions asked of p(answer | previous answers), with a softmax for each question.

    At each step the LSTM reads the embedding (`answered`) of the previous answer, and its output gives the logits of the question's
    options. They are divided by `temperature`, then squashed to `tanh_constant` x tanh (Bello et al. 2017, as in ENAS), if given.
    Differs: the LSTM also reads an embedding (`asked`) of the question, since in a conditional space it depends on the answers.
    """

    options: Tensor
    """(Q, T), bool: which of the T tokens, pairs of question and option, belong to each question."""

    def __init__(
        self,
        questions: Sequence[Question],
        hidden: int = HIDDEN,
        temperature: float | None = None,
        tanh_constant: float | None = None,
        seed: int = 0,
    ) -> None:
        """`questions`: all that can be asked. `seed`: of the initial weights; the global generator is not touched."""
        super().__init__()
        self.questions = {question.name: (index, question) for index, question in enumerate(questions)}
        self.temperature, self.tanh_constant = temperature, tanh_constant
        counts = [len(question.options) for question in questions]
        self.offsets = [sum(counts[:index]) for index in range(len(counts))]
        self.start_token = sum(counts)  # read before the first answer
        self.answered = nn.Parameter(torch.empty(self.start_token + 1, hidden))
        self.asked = nn.Parameter(torch.empty(len(questions), hidden))
        self.lstm = nn.LSTM(hidden, hidden, batch_first=True, device="meta").to_empty(device="cpu")
        self.head = nn.Linear(hidden, self.start_token, device="meta").to_empty(device="cpu")
        options = torch.zeros(len(questions), self.start_token, dtype=torch.bool)
        for index, (first, count) in enumerate(zip(self.offsets, counts, strict=True)):
            options[index, first : first + count] = True
        self.register_buffer("options", options)
        draw = torch.Generator().manual_seed(seed)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -INITIAL_RANGE, INITIAL_RANGE, generator=draw)

    def sample(self, decide: Decide, rng: Random) -> SampledArchitecture:
        """Samples an answer to each question that `decide` asks. Raises InputError for an unknown question."""
        return self._answer(decide, lambda p: rng.choices(range(len(p)), weights=p)[0])

    def most_probable(self, decide: Decide) -> SampledArchitecture:
        """Answers greedily: each question with its most probable option given the earlier answers. Raises as `sample`."""
        return self._answer(decide, lambda p: p.index(max(p)))

    def _answer(self, decide: Decide, choose: Callable[[list[float]], int]) -> SampledArchitecture:
        """`choose`: from the probabilities of the options to the index of one. Each question is one step of `self.lstm`."""
        log_probs, entropies = [self.asked.new_zeros(())], [self.asked.new_zeros(())]
        weights, zeros = self.lstm.all_weights[0], self.asked.new_zeros(1, self.lstm.hidden_size)
        previous, state = self.start_token, (zeros, zeros)

        def answer(question: Question) -> Option:
            nonlocal previous, state
            index = self._index(question)
            state = torch.lstm_cell((self.answered[previous] + self.asked[index]).unsqueeze(0), state, *weights)
            tokens = slice(self.offsets[index], self.offsets[index] + len(question.options))
            log_p = self._logits(state[0][0], tokens).log_softmax(dim=0)  # (options,)
            p = log_p.exp()
            chosen = choose(p.tolist())
            log_probs.append(log_p[chosen])
            entropies.append(-(p * log_p).sum())
            previous = tokens.start + chosen
            return question.options[chosen]

        description, answers = ask(decide, answer)
        return SampledArchitecture(description, answers, torch.stack(log_probs).sum(), torch.stack(entropies).sum())

    def distributions(self, batch: Sequence[Mapping[str, Option]]) -> AnswerDistributions:
        """For N sets of answers, each in the order of the questions. Raises InputError for an unknown question or answer."""
        indices, tokens = self._padded(batch)  # (N, L), padded with -1
        mask = indices >= 0
        indices, tokens = indices.clamp(min=0), tokens.clamp(min=0)
        previous = torch.cat([torch.full_like(tokens[:, :1], self.start_token), tokens[:, :-1]], dim=1)
        outputs, _ = self.lstm(self.answered[previous] + self.asked[indices])
        log_p = self._logits(outputs).masked_fill(~self.options[indices], -torch.inf).log_softmax(dim=2)
        return AnswerDistributions(log_p, tokens, mask)

    def log_prob(self, batch: Sequence[Mapping[str, Option]]) -> tuple[Tensor, Tensor]:
        """(N,) log-probabilities and (N,) entropies of N sets of answers, from `distributions`."""
        distributions = self.distributions(batch)
        return distributions.log_prob, distributions.entropy

    def log_prior(self, probabilities: Mapping[str, Sequence[float]]) -> Tensor:
        """(T,): log-prior for `AnswerDistributions.divergence`, from the probabilities of all options of some of the questions."""
        prior = self.asked.new_full((self.start_token,), torch.nan)
        for name, of in probabilities.items():
            first = self.offsets[self.questions[name][0]]
            prior[first : first + len(of)] = torch.tensor(of, dtype=prior.dtype)
        return prior.log()

    def _logits(self, outputs: Tensor, tokens: slice = slice(None)) -> Tensor:
        """(..., H) outputs of the LSTM -> (..., T) logits of all tokens, or of the given slice of tokens only."""
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
        """The index of a question, and the token of its answer."""
        if name not in self.questions:
            raise _unknown(name)
        index, question = self.questions[name]
        question.check(answer)
        return index, self.offsets[index] + (question.position(answer) or 0)

    def _index(self, question: Question) -> int:
        if question.name not in self.questions:
            raise _unknown(question.name)
        return self.questions[question.name][0]


def _unknown(name: str) -> InputError:
    return InputError(
        f"the space asks {name!r}, which its method `questions` does not list: make `questions` return all that can be asked"
    )
