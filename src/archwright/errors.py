"""Errors for user mistakes. Each message says what was wrong, where, and how to fix it; the command line exits with code 2."""

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The closest known name as a hint for an error message about an unknown one; empty if none is close."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


class InputError(ValueError):
    """Invalid input or options: one sentence for the user, without a traceback on the command line."""


class UnknownAnswer(InputError):
    """An architecture answers a question that the space does not ask, or with an option that the question does not have."""


class UnknownSetting(InputError):
    """Unknown setting, or invalid value for one."""


class UnknownName(InputError):
    """No space, strategy, data set, baseline or executor has this name."""


class DataError(InputError):
    """The data cannot be used."""


class ShapeError(InputError):
    """A tensor does not have the required shape."""


class RunFolderError(InputError):
    """The run folder belongs to other data or other settings, or is in use."""
