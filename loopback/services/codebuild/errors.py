"""The errors of CodeBuild, by their wire codes."""

from loopback.core.errors import ServiceError


class InvalidInputException(ServiceError):
    """The request fits the service model, and still cannot be carried out."""


class ResourceNotFoundException(ServiceError):
    """There is no project, build or report group of that name."""


class ResourceAlreadyExistsException(ServiceError):
    """A project or report group of that name exists."""


class AccountLimitExceededException(ServiceError):
    """More builds at a time than the project allows."""
