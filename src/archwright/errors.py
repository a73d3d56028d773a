"""Errors for user mistakes. Each message says what was wrong, where, and how to fix it; the command line exits with code 2."""


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
