"""Every failure a caller can see. The class name is the wire code; the docstring says when it is raised."""


class ServiceError(Exception):
    """Base of the errors that travel back to the caller as an AWS error."""

    status = 400

    @property
    def code(self) -> str:
        """The code that AWS clients see, for example in `error.response["Error"]["Code"]`."""
        return type(self).__name__


class ValidationException(ServiceError):
    """The request does not fit the service model, or names something that cannot be used."""


class ResourceInUse(ServiceError):
    """A resource of that name exists already."""


class ResourceNotFound(ServiceError):
    """No resource of that name exists."""


class ConflictException(ServiceError):
    """The resource is in a state in which the request cannot be carried out."""


class ResourceLimitExceeded(ServiceError):
    """A quota of the account would be exceeded."""


class AccessDeniedException(ServiceError):
    """The caller is of another account or region than the one that this process serves."""


class UnknownOperationException(ServiceError):
    """The operation is not in the service model, or loopback does not run it."""


class InternalFailure(ServiceError):
    """A defect of loopback itself; the log has the details."""

    status = 500
