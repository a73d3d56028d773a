from multiprocessing import Pipe

import pytest

from archwright.evaluate.job import Outcome
from archwright.execute.messages import read, send


def test_what_was_sent_is_read_once_and_the_outcome_ends_it():
    reader, writer = Pipe(duplex=False)
    records = []
    assert read(reader, records) is None
    send(writer, "epoch", {"epoch": 1.0})
    send(writer, "epoch", {"epoch": 2.0})
    assert read(reader, records) is None
    send(writer, "outcome", Outcome("complete", seconds=3.0).to_json())
    assert read(reader, records) == Outcome("complete", seconds=3.0)
    assert records == [{"epoch": 1.0}, {"epoch": 2.0}]


def test_a_pipe_that_is_closed_is_at_its_end():
    reader, writer = Pipe(duplex=False)
    writer.close()
    with pytest.raises(EOFError):
        read(reader, [])
