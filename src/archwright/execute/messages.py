"""What a training process says to the process that started it: JSON through a pipe."""

from __future__ import annotations

import json
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

from archwright.evaluate.job import Outcome


def send(pipe: Connection, kind: str, content: Mapping[str, Any]) -> None:
    """{"epoch": record} after each epoch, {"outcome": ...} at the end."""
    pipe.send_bytes(json.dumps({kind: dict(content)}).encode())


def read(pipe: Connection, records: list[Mapping[str, Any]]) -> Outcome | None:
    """Take all that was sent: epochs go behind `records`; the outcome, if it is among it. Raises EOFError or OSError at the end."""
    while pipe.poll():
        message = json.loads(pipe.recv_bytes())
        if "outcome" in message:
            return Outcome.from_json(message["outcome"])
        records.append(message["epoch"])
    return None
