import itertools

import numpy as np
import pytest

from archwright.train.text_streams import EVALUATION_STREAMS, evaluation_batches, stream_order


def test_each_row_of_a_batch_follows_the_same_row_of_the_batch_before():
    batches = stream_order(np.arange(100, 123), 4).reshape(-1, 4)
    assert batches.tolist() == [
        [100, 105, 110, 115],
        [101, 106, 111, 116],
        [102, 107, 112, 117],
        [103, 108, 113, 118],
        [104, 109, 114, 119],
    ]
    assert np.all(np.diff(batches, axis=0) == 1)


@pytest.mark.parametrize("count", [1, 5, 32, 33, 100])
def test_an_evaluation_takes_every_row_once(count):
    batches = evaluation_batches(count)
    assert sorted(np.concatenate(batches)) == list(range(count))
    assert {len(batch) for batch in batches} <= {1, min(count, EVALUATION_STREAMS)}
    for before, after in itertools.pairwise(batches):
        assert len(before) != len(after) or np.all(after == before + 1)
