"""Whether everything that a template refers to is in it, and in an order in which it can be made. Pure."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from loopback.engines.cloudformation.intrinsics import PSEUDO_PARAMETERS, Use, function_of, uses
from loopback.engines.cloudformation.template_format import InvalidTemplate, Template

Conditions = Mapping[str, bool]
HasAttribute = Callable[[str, str], bool]  # resource type, attribute -> whether Fn::GetAtt finds it
LISTS = frozenset({"Fn::Cidr", "Fn::GetAZs", "Fn::Split"})
NOT_TEXT = "Template format error: The Value field of every Outputs member must evaluate to a String."


def check_references(template: Template, conditions: Conditions, has_attribute: HasAttribute) -> None:
    """Raises InvalidTemplate for a reference to nothing, a condition that is not defined, and a circle.

    `conditions` are the values of those that are known: what is behind one that is false is as if it were not there.
    """
    resources, outputs = template.get("Resources", {}), template.get("Outputs", {})
    _check_conditions(template)
    found = {name: _uses_of_resource(resource) for name, resource in resources.items()}
    _check_block(template, "Resources", found, has_attribute)
    values = {
        name: list(uses([output["Value"], output.get("Export", {})])) + _condition(output)
        for name, output in outputs.items()
    }
    _check_block(template, "Outputs", values, has_attribute)
    for output in outputs.values():
        _check_text(output["Value"], template)
    _check_what_is_made(template, conditions)
    needs = {
        name: _needed_resources(resource, conditions) for name, resource in _resources_to_make(resources, conditions)
    }
    if circle := _circle(needs):
        raise InvalidTemplate(f"Circular dependency between resources: [{', '.join(circle)}]")


def _condition(member: Mapping[str, Any]) -> list[Use]:
    return [Use("Condition", member["Condition"])] if "Condition" in member else []


def _depends_on(resource: Mapping[str, Any]) -> list[str]:
    named = resource.get("DependsOn", [])
    return [named] if isinstance(named, str) else list(named)


def _uses_of_resource(resource: Mapping[str, Any]) -> list[Use]:
    body = {key: value for key, value in resource.items() if key not in ("Type", "DependsOn", "Condition")}
    named = [Use("DependsOn", name) for name in _depends_on(resource)]
    return [*uses(list(body.values())), *named, *_condition(resource)]


def _check_block(
    template: Template, section: str, found: Mapping[str, Iterable[Use]], has_attribute: HasAttribute
) -> None:
    every = [use for named in found.values() for use in named]
    resources = template.get("Resources", {})
    unresolved = {use.name for use in every if not _is_resolved(use, template)}
    if unresolved:
        raise InvalidTemplate(_unresolved_message(unresolved, section))
    for use in every:
        if use.function == "Condition" and use.name not in template.get("Conditions", {}):
            raise InvalidTemplate(
                f"Template format error: Unresolved condition dependency {use.name} in the {section} block of the "
                "template"
            )
        _check_use(use, template, resources, has_attribute)


def _is_resolved(use: Use, template: Template) -> bool:
    """Whether a name without an attribute is there."""
    if use.function == "DependsOn":
        return use.name in template.get("Resources", {})
    if use.function == "Ref" or (use.function == "Fn::Sub" and not use.attribute):
        known = template.get("Resources", {}).keys() | template.get("Parameters", {}).keys()
        return use.name in known or use.name in PSEUDO_PARAMETERS
    return True


def _unresolved_message(names: Iterable[str], section: str) -> str:
    listed = ", ".join(sorted(names))
    return f"Template format error: Unresolved resource dependencies [{listed}] in the {section} block of the template"


def _check_use(use: Use, template: Template, resources: Mapping[str, Any], has_attribute: HasAttribute) -> None:
    if use.function == "Fn::If" and use.name not in template.get("Conditions", {}):
        raise InvalidTemplate(f"Template error: unresolved condition dependency {use.name} in Fn::If")
    if use.function == "Fn::FindInMap" and use.name not in template.get("Mappings", {}):
        raise InvalidTemplate(
            f"Template error: Mapping named '{use.name}' is not present in the 'Mappings' section of template."
        )
    if use.function == "Fn::GetAtt" and use.name not in resources:
        raise InvalidTemplate(f"Template error: instance of Fn::GetAtt references undefined resource {use.name}")
    if use.function == "Fn::Sub" and use.attribute and use.name not in resources:
        raise InvalidTemplate(
            f"Template error: instance of Fn::Sub references invalid resource attribute {use.name}.{use.attribute}"
        )
    if use.function in ("Fn::GetAtt", "Fn::Sub") and use.attribute:
        kind = resources[use.name]["Type"]
        if not has_attribute(kind, use.attribute):
            raise InvalidTemplate(
                f"Template error: resource {use.name} does not support attribute type {use.attribute} in {use.function}"
            )


def _check_conditions(template: Template) -> None:
    conditions, graph = template.get("Conditions", {}), {}
    for name, condition in conditions.items():
        function = function_of(condition)
        if not function and not (isinstance(condition, dict) and list(condition) == ["Condition"]):
            raise InvalidTemplate(
                "Template format error: Conditions can only be boolean operations on parameters and other conditions "
                f"({name})"
            )
        found = list(uses(condition, conditions=True))
        known = template.get("Parameters", {}).keys() | PSEUDO_PARAMETERS
        strange = {use.name for use in found if use.function in ("Ref", "Fn::Sub") and use.name not in known}
        if strange:
            listed = ", ".join(sorted(strange))
            raise InvalidTemplate(
                f"Template format error: Unresolved dependencies [{listed}]. Cannot reference resources in the "
                "Conditions block of the template"
            )
        graph[name] = {use.name for use in found if use.function in ("Condition", "Fn::If")}
        for other in sorted(graph[name] - conditions.keys()):
            raise InvalidTemplate(
                f"Template format error: Unresolved condition dependency {other} in the Conditions block of the "
                "template"
            )
        for use in found:
            if use.function == "Fn::FindInMap":
                _check_use(use, template, {}, lambda _kind, _attribute: True)
    if circle := _circle(graph):
        raise InvalidTemplate(f"Template format error: Circular dependency between conditions: [{', '.join(circle)}]")


def _check_text(value: Any, template: Template) -> None:
    """Raises InvalidTemplate for an output that is a list."""
    function = function_of(value)
    kind = template.get("Parameters", {}).get(value["Ref"], {}).get("Type", "") if function == "Ref" else ""
    if isinstance(value, dict) and not function:
        raise InvalidTemplate(NOT_TEXT)
    if function in LISTS or kind == "CommaDelimitedList" or kind.startswith("List<"):
        raise InvalidTemplate(NOT_TEXT)


def _resources_to_make(resources: Mapping[str, Any], conditions: Conditions) -> list[tuple[str, Any]]:
    return [(name, one) for name, one in resources.items() if conditions.get(one.get("Condition", ""), True)]


def _check_what_is_made(template: Template, conditions: Conditions) -> None:
    """Raises InvalidTemplate where something that is made refers to a resource that is not."""
    resources = template.get("Resources", {})
    missing = resources.keys() - {name for name, _ in _resources_to_make(resources, conditions)}
    if not missing:
        return
    for section in ("Resources", "Outputs"):
        wanted = {
            use.name
            for _, one in _resources_to_make(template.get(section, {}), conditions)
            for use in uses(live(_values(one), conditions))
            if use.function in ("Ref", "Fn::GetAtt", "Fn::Sub")
        }
        if unresolved := wanted & missing:
            raise InvalidTemplate(_unresolved_message(unresolved, section))


def _values(member: Mapping[str, Any]) -> list[Any]:
    return [value for key, value in member.items() if key not in ("Type", "DependsOn", "Condition")]


def live(value: Any, conditions: Conditions) -> Any:
    """The value with the branch of each Fn::If that its condition chooses, where that is known."""
    if function_of(value) == "Fn::If":
        name, then, otherwise = value["Fn::If"]
        if name in conditions:
            return live(then if conditions[name] else otherwise, conditions)
    if isinstance(value, dict):
        return {key: live(item, conditions) for key, item in value.items()}
    return [live(item, conditions) for item in value] if isinstance(value, list) else value


def _needed_resources(resource: Mapping[str, Any], conditions: Conditions) -> set[str]:
    named = uses(live(_values(resource), conditions))
    found = {use.name for use in named if use.function in ("Ref", "Fn::GetAtt", "Fn::Sub")}
    return found | set(_depends_on(resource))


def _circle(graph: Mapping[str, set[str]]) -> list[str]:
    """The members that are in a circle or between two; empty where there is none."""
    rest = {name: needed & graph.keys() for name, needed in graph.items()}
    while True:
        wanted = {other for needed in rest.values() for other in needed}
        kept = {name: needed & rest.keys() for name, needed in rest.items() if needed & rest.keys() and name in wanted}
        if len(kept) == len(rest):
            return sorted(kept)
        rest = kept
