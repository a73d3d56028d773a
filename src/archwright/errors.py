"""What a user can get wrong. Each message says what was wrong, where, and how to mend it; the command line exits with 2."""


class InputError(ValueError):
    """A mistake in what was asked for or given: one sentence for the user, no traceback on the command line."""


class UnknownAnswer(InputError):
    """An architecture answers a question that the space does not ask, or with an option it does not have."""


class UnknownSetting(InputError):
    """A setting or its value is not one of those known."""


class UnknownName(InputError):
    """No space, strategy, data set, baseline or executor has this name."""


class DataError(InputError):
    """The data cannot be used as they are."""


class ShapeError(InputError):
    """A tensor does not have the shape that was asked for."""


class RunFolderError(InputError):
    """The run folder belongs to other data or other settings, or is in use."""
