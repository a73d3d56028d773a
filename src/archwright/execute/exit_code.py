"""Why a process exited without a result."""

from __future__ import annotations

import signal


def why_it_ended(code: int, who: str = "") -> str:
    """From Python's exit code: "killed by signal 9 (SIGKILL)", or with `who` "process 1 of 2 was killed by signal 9 (SIGKILL)"."""
    if code >= 0:
        return f"{who} exited with code {code} (see log.txt)".strip()
    return f"{who + ' was ' if who else ''}killed by signal {-code} ({signal.Signals(-code).name})"
