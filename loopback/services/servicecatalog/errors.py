"""Service Catalog's errors, by their wire codes."""

from loopback.core.errors import ServiceError


class ServiceCatalogError(ServiceError):
    """Any of them."""


class ResourceNotFoundException(ServiceCatalogError):
    """There is nothing of that id or name."""


class ResourceInUseException(ServiceCatalogError):
    """Something else still needs it."""


class InvalidParametersException(ServiceCatalogError):
    """The parameters do not fit each other, or what they name."""


class DuplicateResourceException(ServiceCatalogError):
    """There is one of that name already."""
