"""For scripts run by the tests: a command in a process forked from this one, so that torch is imported once."""

import os
import sys
from collections.abc import Callable


def forked(act: Callable[[], None]) -> int:
    """Run a function in a new process, whose id is returned; its exit code is the one raised, or 1 after any other error."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        act()
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        sys.stdout.flush()
        os._exit(code)
