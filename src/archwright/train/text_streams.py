"""The order in which the windows of a text are read: several parallel streams, each in the order of the text.

Row b of every batch follows row b of the previous batch, so a hidden state that is carried from batch to batch
(`ops/carried_state.py`) has seen all of its stream.
"""

from __future__ import annotations

import numpy as np

from archwright.data.raw_data import Array

EVALUATION_STREAMS = 32
"""Number of streams in an evaluation: each begins without context and is read from its first token to its last."""


def stream_order(rows: Array, streams: int) -> Array:
    """rows (N,) in the order of the text -> (N // streams * streams,): for each step the next row of every stream.

    Rows that do not fill a step are dropped. rows: consecutive indices of windows, without gaps.
    """
    steps = len(rows) // streams
    order: Array = rows[: steps * streams].reshape(streams, steps).T.reshape(-1)
    return order


def evaluation_batches(count: int) -> list[Array]:
    """The rows of each batch, all of `count` once: first parallel streams, then the remaining rows one by one, as one stream."""
    streams = min(EVALUATION_STREAMS, count)
    order = stream_order(np.arange(count), streams)
    return [*order.reshape(-1, streams), *np.arange(len(order), count).reshape(-1, 1)]
