"""Exports one step of a trained language model as an ONNX file: token and state in, logits and next state out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from archwright.data.raw_data import Array
from archwright.export.onnx_model import ExportError, check_equal, open_onnx, write_onnx
from archwright.network.language_model import LanguageModel
from archwright.ops.carried_state import State, separate_stream
from archwright.train.trained_model import TrainedModel

CHECKED_STREAMS, CHECKED_TOKENS = 3, 6


def export_step(model: TrainedModel, file: Path) -> None:
    """Write `file`: "token" (batch,) int64 and "state_0", ... (batch, width) -> "logits" (batch, vocabulary), "next_state_0", ...

    A stream begins with zero states, if those of the network do. The batch size is free; the weights are in the file. Raises
    ExportError if the network has no such step, PyTorch cannot export it, or six steps differ from the model by more than 1e-4.
    """
    network = model.network
    if not isinstance(network, LanguageModel):
        raise ExportError(f"{type(network).__name__} is not a LanguageModel, so it has no single-token step to export")
    parts = tuple(
        part.clone() for part in _parts(network.initial(2))
    )  # the exporter would treat one tensor in two places as a single input
    states = [f"state_{i}" for i in range(len(parts))]
    batch = torch.export.Dim("batch")
    shapes = {"token": {0: batch}, "state": tuple({0: batch} for _ in parts)}
    example = (torch.zeros(2, dtype=torch.int64), parts)
    write_onnx(_Step(network).eval(), example, file, ["token", *states], ["logits", *(f"next_{name}" for name in states)], shapes)
    _check(model, network, file)


class _Step(nn.Module):
    """The step with its state always as a tuple, which an exported graph unpacks."""

    def __init__(self, network: LanguageModel) -> None:
        super().__init__()
        self.network = network
        self.single_state = isinstance(network.initial(1), Tensor)

    def forward(self, token: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        logits, next_state = self.network.step(token, state[0] if self.single_state else state)
        return logits, _parts(next_state)


def _parts(state: State) -> tuple[Tensor, ...]:
    return state if isinstance(state, tuple) else (state,)


def _check(model: TrainedModel, network: LanguageModel, file: Path) -> None:
    """Compare the file step by step with the model on a whole window, for one stream and for several."""
    session = open_onnx(file)
    tokens = np.random.default_rng(0).integers(0, model.problem.outputs, (CHECKED_STREAMS, CHECKED_TOKENS))
    for streams in (tokens[:1], tokens):
        with separate_stream(model), torch.inference_mode():
            expected = model(torch.from_numpy(streams)).numpy()
        states: list[Array] = [part.detach().numpy() for part in _parts(network.initial(len(streams)))]
        for step, token in enumerate(streams.T):
            feed = {"token": token, **{f"state_{i}": state for i, state in enumerate(states)}}
            logits, *states = session.run(None, feed)
            check_equal(logits, expected[:, step])
