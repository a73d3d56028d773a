"""A run that several machines share by name: its home is where it began, the other machines take part in its search."""

from __future__ import annotations

import socket
from typing import Any

from archwright.data.problem import Problem
from archwright.errors import InputError, RunFolderError
from archwright.ledger.ledger import Ledger
from archwright.study.request import Request
from archwright.study.run_folder import RunFolder

MAY_DIFFER = ("source", "storage")
"""Fields that may differ between machines: the path of the data and the address of the database."""


def check_study(request: Request) -> None:
    """Raises InputError if the run has a name but no storage that other machines could reach."""
    if request.study is not None and (request.storage is None or not request.storage.startswith("postgres")):
        raise InputError(
            f"study {request.study!r} cannot be shared, because its ledger is in the run folder or in a file: add --storage "
            "postgresql://USER:PASSWORD@HOST/DATABASE, or omit --study"
        )


def home_of(ledger: Ledger, folder: RunFolder, request: Request, problem: Problem) -> str | None:
    """The run's home as HOST:FOLDER if it was begun elsewhere; None if it was begun here.

    Raises RunFolderError if it was begun with another request or other data.
    """
    requested, own_name = _shared_request(request, problem), folder.asked["name"]
    place = f"{socket.gethostname()}:{folder.path}"
    home = ledger.set_default("home", {"name": own_name, "place": place, "asked": requested})
    changed = [
        f"{key} is {home['asked'].get(key)!r} there and {requested[key]!r} here"
        for key in requested
        if home["asked"].get(key) != requested[key]
    ]
    if changed:
        raise RunFolderError(
            f"study {ledger.run_id!r} was begun in {home['place']} with other options ({'; '.join(changed)}): use the same ones, "
            "or give another --study"
        )
    return None if home["name"] == own_name else str(home["place"])


def _shared_request(request: Request, problem: Problem) -> dict[str, Any]:
    """The fields that must be the same on all machines that share the run."""
    limits = {"trials": request.trials, "minutes": request.minutes} if request.minutes is not None else {}
    fixed = {key: value for key, value in request.fixed().items() if key not in MAY_DIFFER}
    return {**fixed, **limits, "data_hash": problem.data_hash}
