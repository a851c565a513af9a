"""The one error that an analysis tells its user about."""


class BadInput(ValueError):
    """A setting, a file or a value is not as it must be; the message says which, and what was expected."""
