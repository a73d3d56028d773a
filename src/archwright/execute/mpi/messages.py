"""Small messages between rank 0 and the others while the pool is working, such as epoch records and stop requests."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm, Request

PAUSE_SECONDS = 0.02
"""Seconds between two checks for messages: a blocking receive in MPI would keep a core busy."""


class MessageChannel:
    """Sends JSON over a dedicated communicator. Sending never waits for the receiver."""

    def __init__(self, comm: Intracomm) -> None:
        self._comm = comm
        self._pending_sends: list[Request] = []

    def send(self, rank: int, message: Mapping[str, Any]) -> None:
        self._pending_sends = [request for request in self._pending_sends if not request.Test()]  # they keep buffers alive
        self._pending_sends.append(self._comm.isend(json.dumps(message), rank))

    def received(self) -> list[tuple[int, dict[str, Any]]]:
        """The messages received so far, as (sender, message); in order for each sender."""
        from mpi4py.MPI import Status

        messages = []
        while self._comm.iprobe(status=(status := Status())):
            sender = status.Get_source()
            messages.append((sender, json.loads(self._comm.recv(source=sender))))
        return messages

    def wait(self) -> list[tuple[int, dict[str, Any]]]:
        """Wait until there are messages and return them."""
        while not (messages := self.received()):
            time.sleep(PAUSE_SECONDS)
        return messages
