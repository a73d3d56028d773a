"""What a training process sends to the process that started it: JSON through a pipe."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from archwright.evaluate.job import Outcome

PIECE_BYTES = 500
"""POSIX writes up to 512 bytes to a pipe atomically: once a piece begins to arrive, all of it is there (4 bytes are its length)."""
END = b"\n"


def send(pipe: Connection, kind: str, content: Mapping[str, Any]) -> None:
    """{"epoch": record} after each epoch, {"outcome": ...} at the end."""
    message = json.dumps({kind: dict(content)}).encode() + END
    for start in range(0, len(message), PIECE_BYTES):
        pipe.send_bytes(message[start : start + PIECE_BYTES])


@dataclass
class Inbox:
    """Reads what a process sends without ever blocking: the process may have been stopped in the middle of a message."""

    pipe: Connection
    records: list[Mapping[str, Any]] = field(default_factory=list)
    _partial: bytearray = field(default_factory=bytearray)

    def read(self) -> Outcome | None:
        """Read all that has arrived: epochs are appended to `records`, the outcome is returned. EOFError or OSError at the end."""
        while self.pipe.poll():
            self._partial += self.pipe.recv_bytes()
            if self._partial.endswith(END):
                message = json.loads(self._partial)
                self._partial.clear()
                if "outcome" in message:
                    return Outcome.from_json(message["outcome"])
                self.records.append(message["epoch"])
        return None
