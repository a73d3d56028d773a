"""For scripts that the tests run: a command in a process forked from this one, so that torch is imported once."""

import os
import sys
from collections.abc import Callable


def forked(act: Callable[[], None]) -> int:
    """The id of a new process that does it, and ends with the exit code that it raises; 1 after any other error."""
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
