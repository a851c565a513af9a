"""What carries resources out for the stack engine: every type of ours, with the permissions of the stack's role."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from loopback.core.errors import ServiceError
from loopback.services import registry
from loopback.services.clients import call_operation
from loopback.services.cloudformation import (
    alarms,
    autoscaling,
    catalog,
    codedeploy,
    delivery,
    identity,
    sagemaker,
    scheduler,
)
from loopback.services.cloudformation.requests import with_tokens
from loopback.services.cloudformation.types import Made, Properties, ResourceType, TemplateResource

TYPES: dict[str, ResourceType] = {
    **alarms.TYPES,
    **sagemaker.TYPES,
    **delivery.TYPES,
    **autoscaling.TYPES,
    **catalog.TYPES,
    **codedeploy.TYPES,
    **scheduler.TYPES,
    **identity.TYPES,
}


class ResourceHandlers:
    """Made once; its methods run on the stack engine's threads."""

    types = tuple(TYPES)

    def __init__(self, context: registry.Context) -> None:
        self._context = context
        self._closing = threading.Event()

    def close(self) -> None:
        """Let what waits for something fail now."""
        self._closing.set()

    def create(self, kind: str, properties: Properties, name: Callable[[int], str], role: str) -> Made:
        """Raises ServiceError, as the other two."""
        return TYPES[kind].create(TemplateResource(properties, name), self._calls(role))

    def update(self, kind: str, made: Made, old: Properties, new: Properties, role: str) -> Made:
        """Change a resource in place."""
        return TYPES[kind].update(made, old, new, self._calls(role))

    def delete(self, kind: str, physical_id: str, properties: Properties, role: str) -> None:
        """Delete a resource."""
        TYPES[kind].delete(physical_id, properties, self._calls(role))

    def shift(self, policy: Mapping[str, str], alias: Properties, role: str) -> None:
        """Bring a Lambda alias to its version through CodeDeploy, and wait until it is there."""
        codedeploy.shift(policy, alias, self._calls(role))

    def _calls(self, role: str) -> "_Calls":
        return _Calls(self._context, role, self._closing)


class _Calls:
    def __init__(self, context: registry.Context, role: str, closing: threading.Event) -> None:
        self._context, self._role, self._closing = context, role, closing

    def __call__(self, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        if registry.implemented_operations(service):
            request = with_tokens(service, operation, request)
            return registry.call_as(self._role, service, operation, request, self._context)
        return call_operation(self._context.client(service, self._role), operation, request)

    def pause(self, seconds: float) -> None:
        if self._closing.wait(seconds):
            raise ServiceError("The stack operation was interrupted")
