"""A run that several machines share by its name: it is at home where it began, the others take part in its search."""

from __future__ import annotations

import socket
from typing import Any

from archwright.data.problem import Problem
from archwright.errors import InputError, RunFolderError
from archwright.ledger.ledger import Ledger
from archwright.study.request import Request
from archwright.study.run_folder import RunFolder

MAY_DIFFER = ("source", "storage")
"""Between machines: where the data lie, and the way to the database."""


def check_study(request: Request) -> None:
    """Raises InputError for a name that no other machine could find."""
    if request.study is not None and (request.storage is None or not request.storage.startswith("postgres")):
        raise InputError(
            f"study {request.study!r} is to be shared, but its ledger is in this run's folder or in a file: give --storage "
            "postgresql://USER:PASSWORD@HOST/DATABASE too, or leave the name out"
        )


def home_of(ledger: Ledger, folder: RunFolder, request: Request, problem: Problem) -> str | None:
    """Where the run is at home, HOST:FOLDER, if that is not here; None at home.

    Raises RunFolderError where it was begun with another request or other data.
    """
    asked, own = _asked(request, problem), folder.asked["name"]
    place = f"{socket.gethostname()}:{folder.path}"
    home = ledger.settle("home", {"name": own, "place": place, "asked": asked})
    changed = [
        f"{key} is {home['asked'].get(key)!r} there and {asked[key]!r} here"
        for key in asked
        if home["asked"].get(key) != asked[key]
    ]
    if changed:
        raise RunFolderError(
            f"study {ledger.run_id!r} was begun otherwise in {home['place']} ({'; '.join(changed)}): ask for the same, "
            "or give another --study"
        )
    return None if home["name"] == own else str(home["place"])


def _asked(request: Request, problem: Problem) -> dict[str, Any]:
    bound = {"trials": request.trials, "minutes": request.minutes} if request.minutes is not None else {}
    fixed = {key: value for key, value in request.fixed().items() if key not in MAY_DIFFER}
    return {**fixed, **bound, "data_hash": problem.data_hash}
