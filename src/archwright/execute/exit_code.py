"""Why a process ended that has not said a word."""

from __future__ import annotations

import signal


def why_it_ended(code: int, who: str = "") -> str:
    """By its exit code, as Python has it: "killed by signal 9 (SIGKILL)", or of somebody "process 1 of 2 was killed by ..."."""
    if code >= 0:
        return f"{who} exited with code {code} (see log.txt)".strip()
    return f"{who + ' was ' if who else ''}killed by signal {-code} ({signal.Signals(-code).name})"
