from multiprocessing import Pipe
from types import SimpleNamespace

import pytest

from archwright.evaluate.job import Outcome
from archwright.execute.messages import Inbox, send


def test_what_was_sent_is_read_once_and_the_outcome_ends_it():
    reader, writer = Pipe(duplex=False)
    inbox = Inbox(reader)
    assert inbox.read() is None
    send(writer, "epoch", {"epoch": 1.0})
    send(writer, "epoch", {"epoch": 2.0})
    assert inbox.read() is None
    send(writer, "outcome", Outcome("complete", seconds=3.0).to_json())
    assert inbox.read() == Outcome("complete", seconds=3.0)
    assert inbox.records == [{"epoch": 1.0}, {"epoch": 2.0}]


def test_half_a_message_is_not_waited_for():
    """A pipe takes 512 bytes at once or not at all, so that a piece (and the 4 bytes of its length) comes whole."""
    reader, writer = Pipe(duplex=False)
    inbox, record, pieces = Inbox(reader), {"text": "\n" * 9000}, []
    send(SimpleNamespace(send_bytes=pieces.append), "epoch", record)
    assert max(map(len, pieces)) + 4 <= 512
    for piece in pieces:
        assert inbox.read() is None
        assert inbox.records == []
        writer.send_bytes(piece)
    assert inbox.read() is None
    assert inbox.records == [record]


def test_a_pipe_that_is_closed_is_at_its_end():
    reader, writer = Pipe(duplex=False)
    writer.close()
    with pytest.raises(EOFError):
        Inbox(reader).read()
