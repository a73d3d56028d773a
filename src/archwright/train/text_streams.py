"""In which order the windows of a text are taken: several streams side by side, each from window to window as the text goes.

Row b of every batch follows row b of the batch before, so a hidden state that is carried from batch to batch
(`ops/carried_state.py`) has seen all of its stream.
"""

from __future__ import annotations

import numpy as np

from archwright.data.raw_data import Array

EVALUATION_STREAMS = 32
"""Streams of an evaluation: each begins without a context, and is otherwise read from its first token to its last."""


def stream_order(rows: Array, streams: int) -> Array:
    """rows (N,) in the order of the text -> (N // streams * streams,): for each step the next row of every stream.

    What is left over at the end is dropped. rows: indices of windows; of which none may be missing in between.
    """
    steps = len(rows) // streams
    order: Array = rows[: steps * streams].reshape(streams, steps).T.reshape(-1)
    return order


def evaluation_batches(count: int) -> list[Array]:
    """The rows of each batch, all of `count` once: streams side by side, then what is left over one by one, as one more stream."""
    streams = min(EVALUATION_STREAMS, count)
    order = stream_order(np.arange(count), streams)
    return [*order.reshape(-1, streams), *np.arange(len(order), count).reshape(-1, 1)]
