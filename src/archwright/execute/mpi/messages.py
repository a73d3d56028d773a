"""Small messages between rank 0 and the others while the pool is at work: an epoch's record, the order to stop."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mpi4py.MPI import Intracomm, Request

PAUSE_SECONDS = 0.02
"""Between two looks for a message: waiting inside MPI would keep a core busy."""


class MessageChannel:
    """JSON over a communicator of its own, which no one else uses. Sending never waits for the receiver."""

    def __init__(self, comm: Intracomm) -> None:
        self._comm = comm
        self._under_way: list[Request] = []

    def send(self, rank: int, message: Mapping[str, Any]) -> None:
        self._under_way = [request for request in self._under_way if not request.Test()]  # they keep their texts alive
        self._under_way.append(self._comm.isend(json.dumps(message), rank))

    def received(self) -> list[tuple[int, dict[str, Any]]]:
        """What has come, each with its sender, in the order of each sender."""
        from mpi4py.MPI import Status

        messages = []
        while self._comm.iprobe(status=(status := Status())):
            sender = status.Get_source()
            messages.append((sender, json.loads(self._comm.recv(source=sender))))
        return messages

    def wait(self) -> list[tuple[int, dict[str, Any]]]:
        """The same, as soon as there is something."""
        while not (messages := self.received()):
            time.sleep(PAUSE_SECONDS)
        return messages
