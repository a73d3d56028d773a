"""The probability of each token of a text under a trained language model, and text sampled from one."""

from __future__ import annotations

import numpy as np
import torch

from archwright.data.raw_data import Array
from archwright.data.text_problem import windows
from archwright.data.tokens import END_OF_LINE, UNKNOWN, Vocabulary
from archwright.network.language_model import LanguageModel
from archwright.ops.carried_state import separate_stream
from archwright.train.metric import log_likelihood
from archwright.train.trained_model import TrainedModel, log_likelihoods

SAMPLE_TOKENS = {"character": 600, "word": 120}


def text_log_likelihoods(model: TrainedModel, tokens: Array, device: str | torch.device = "cpu") -> Array:
    """The natural logarithm of the probability of each token but the first. tokens: (n,), at least two; returns (n - 1,) float32.

    Computed in windows as in training, in parallel streams (`train/text_streams.py`); the remainder, less than a window,
    continues from the last one.
    """
    x, y = windows(tokens, model.problem.input_shape[0])
    remainder = torch.from_numpy(tokens[x.size :].copy())[None].to(device)
    parts = [log_likelihoods(model, x, y, device=device).reshape(-1)] if len(x) else []
    if remainder.shape[1] > 1:
        with separate_stream(model.to(device).eval()), torch.inference_mode():
            if len(x):
                model(torch.from_numpy(x[-1:].copy()).to(device))
            parts.append(log_likelihood(model(remainder[:, :-1]), remainder[:, 1:])[0].cpu().numpy())
    return np.concatenate(parts)


def sample_text(model: TrainedModel, seed: int = 0) -> str:
    """A text sampled from the model token by token, without `<unk>`; the same for the same seed.

    It begins as if after a line end. Empty if the network is not a `LanguageModel`.
    """
    network, problem = model.network, model.problem
    if not isinstance(network, LanguageModel) or problem.level is None:
        return ""
    vocabulary, generator = Vocabulary(problem.names), torch.Generator().manual_seed(seed)
    numbers = [vocabulary.numbers.get("\n" if problem.level == "character" else END_OF_LINE, 1)]
    with torch.inference_mode():
        state = network.eval().initial(1)
        for _ in range(SAMPLE_TOKENS[problem.level]):
            logits, state = network.step(torch.tensor(numbers[-1:]), state)
            logits[:, vocabulary.numbers[UNKNOWN]] = -torch.inf
            numbers.append(int(torch.multinomial(logits[0].softmax(dim=0), 1, generator=generator)))
    return vocabulary.decode(numbers[1:], problem.level)
