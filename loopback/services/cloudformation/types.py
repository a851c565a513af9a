"""What a resource type is to a stack: how it is created, changed and deleted, and what Ref and GetAtt give.

Most types are a Create, an Update and a Delete operation over one name; `Named` is those. The others are functions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from loopback.core.errors import ServiceError
from loopback.services.cloudformation.requests import request_for, tag_changes

Properties = dict[str, Any]
Attributes = dict[str, Any]
Made = tuple[str, Attributes]  # the physical id, which is what Ref gives; what GetAtt gives


class Call(Protocol):
    """The operations of all services, with the permissions of the stack's role."""

    def __call__(self, service: str, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """The response of one operation. Raises ServiceError."""

    def pause(self, seconds: float) -> None:
        """Wait between two looks at something. Raises ServiceError when loopback is ending."""


@dataclass(frozen=True)
class TemplateResource:
    """A resource as the template has it. `name(longest)` generates one where the template gives none."""

    properties: Properties
    name: Callable[[int], str]


class ResourceType(Protocol):
    """One type. Every method raises ServiceError with the reason that the stack's events show."""

    def create(self, wanted: TemplateResource, call: Call) -> Made:
        """Make it, and wait until it can be used."""

    def update(self, made: Made, old: Properties, new: Properties, call: Call) -> Made:
        """Change it in place; a change of a create-only property never comes here."""

    def delete(self, physical_id: str, properties: Properties, call: Call) -> None:
        """Delete it; that it is not there any more is no error."""


Settle = Callable[[str, Call], None]  # (name, call): wait until what was asked for is so


@dataclass(frozen=True)
class NamedType:
    """A type whose operations are `Create<noun>`, `Update<noun>` and `Delete<noun>`, with its name in `name`.

    `ref` is the member of the create response that Ref gives, or "" for the name. `attributes` maps what GetAtt
    gives to members of the response; `key` is the naming member of Update and Delete where it is another one.
    `wrap` is the member that holds the whole description in requests (`pipeline`, `project`).
    """

    service: str
    noun: str
    name: str
    ref: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    longest: int = 63
    key: str = ""
    wrap: str = ""
    updates: bool = True
    keeps: tuple[str, ...] = ()  # properties that the Update operation does not take
    only_updates: tuple[str, ...] = ()  # properties that only the Update operation takes
    drops: tuple[str, ...] = ()  # properties that no operation takes
    adapt: Callable[[Properties], Properties] = lambda properties: properties
    settle: Settle = lambda _name, _call: None
    settle_delete: Settle = lambda _name, _call: None
    tag_arn: str = ""  # the attribute that holds the ARN which AddTags takes

    def create(self, wanted: TemplateResource, call: Call) -> Made:
        """See ResourceType."""
        properties = {self.name: wanted.properties.get(self.name) or wanted.name(self.longest)} | wanted.properties
        name = properties[self.name]
        response = call(self.service, f"Create{self.noun}", self._request("Create", properties))
        try:
            self.settle(name, call)
        except ServiceError:
            self.delete(name, {}, call)  # what did not come up is not left in the way of the next attempt
            raise
        return (str(_at(response, self.ref)) if self.ref else name), self._attributes(name, response)

    def update(self, made: Made, old: Properties, new: Properties, call: Call) -> Made:
        """See ResourceType. Tags go their own way."""
        physical_id, attributes = made
        name = attributes[self.name]
        self._update_tags(attributes, old, new, call)
        before, after = ({key: value for key, value in side.items() if key != "Tags"} for side in (old, new))
        if before != after:
            if not self.updates:
                raise ServiceError(f"{self.noun} {name} cannot be updated in place")
            kept = {key: value for key, value in after.items() if key not in self.keeps}
            response = call(self.service, f"Update{self.noun}", self._request("Update", kept | {self.name: name}))
            self.settle(name, call)
            attributes = attributes | self._attributes(name, response)
        return physical_id, attributes

    def delete(self, physical_id: str, properties: Properties, call: Call) -> None:
        """See ResourceType."""
        name = properties.get(self.name) or physical_id.rpartition("/")[2]
        try:
            call(self.service, f"Delete{self.noun}", {self.key or self._spelling("Delete"): name})
            self.settle_delete(name, call)
        except ServiceError as fault:
            if not is_not_found(fault):
                raise

    def _request(self, verb: str, properties: Properties) -> dict[str, Any]:
        unknown = {*self.drops, *(self.only_updates if verb == "Create" else ())}
        given = self.adapt({key: value for key, value in properties.items() if key not in unknown})
        if self.wrap:
            tags = given.pop("Tags", None)
            given = {self.wrap: given} | ({"Tags": tags} if tags and verb == "Create" else {})
        return request_for(self.service, f"{verb}{self.noun}", given)

    def _spelling(self, verb: str) -> str:
        return next(iter(request_for(self.service, f"{verb}{self.noun}", {self.name: ""})))

    def _attributes(self, name: str, response: Mapping[str, Any]) -> Attributes:
        found = {attribute: _at(response, member) for attribute, member in self.attributes.items()}
        return {self.name: name} | {key: value for key, value in found.items() if value is not None}

    def _update_tags(self, attributes: Attributes, old: Properties, new: Properties, call: Call) -> None:
        added, removed = tag_changes(old.get("Tags"), new.get("Tags"))
        arn = attributes.get(self.tag_arn)
        if not arn:
            return
        if added:
            tags = [{"Key": key, "Value": value} for key, value in added.items()]
            call(self.service, "AddTags", {"ResourceArn": arn, "Tags": tags})
        if removed:
            call(self.service, "DeleteTags", {"ResourceArn": arn, "TagKeys": removed})


def _at(response: Mapping[str, Any], path: str) -> Any:
    """`project.arn` of a response."""
    value: Any = response
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def is_not_found(fault: ServiceError) -> bool:
    """Whether a service says that there is nothing of that name."""
    text = str(fault)
    return "NotFound" in fault.code or "DoesNotExist" in fault.code or "Could not find" in text or "not exist" in text
