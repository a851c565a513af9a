"""Templates and parameters checked before there is a stack, by what `engines.cloudformation` says of them.

The base looks at a reference when its resource is made, and leaves it as it is written where it names nothing. Here
CreateStack, UpdateStack, CreateChangeSet, ValidateTemplate and nested stacks ask first; and capabilities are asked for
whether IAM is enforced or not: a template that needs them is refused by AWS in every account.
"""

import importlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from loopback.engines.cloudformation.attributes import has_attribute
from loopback.engines.cloudformation.parameters import check_defaults, check_given, check_identifiers
from loopback.engines.cloudformation.references import check_references
from loopback.engines.cloudformation.template_format import InvalidTemplate, check_format
from loopback.ministack.carried_out import LIST, refused_properties

_MODULE = "ministack.services.cloudformation"
_EC2 = "ministack.services.ec2"
HOOKS: dict[str, tuple[str, ...]] = {
    f"{_MODULE}.engine": ("_parse_template", "_resolve_parameters", "_evaluate_conditions", "declared_transforms"),
    f"{_MODULE}.handlers": (
        "_apply_transforms",
        "_parse_template",
        "_resolve_parameters",
        "validate_template_support",
        "_error",
        "_capabilities_enforced",
    ),
    f"{_MODULE}.changesets": (
        "_apply_transforms",
        "_parse_template",
        "_resolve_parameters",
        "validate_template_support",
        "_error",
    ),
    f"{_MODULE}.provisioners": ("_check_nested_stack_capabilities",),
    _EC2: ("_vpcs", "_subnets", "_security_groups", "get_region"),
}
PREFIX = "Template format error: "
# How the refusals begin that the base's own prefix is not for.
COMPLETE = (
    PREFIX,
    "Circular dependency ",
    "Invalid template ",
    "No transform named ",
    "Parameter",
    "Template error: ",
    "loopback does not carry out ",
)
SAM = "AWS::Serverless-2016-10-31"
DONE = ("AWS::LanguageExtensions", SAM)


def install(refused_types: Callable[[Iterable[str]], list[str]]) -> None:
    """Check before the base does. Once, before it serves, after `templates`, which reads for it.

    `refused_types` gives those of a template's types that are not carried out.
    """
    engine, handlers, changesets, provisioners = _modules()
    parse, resolve, support = engine._parse_template, engine._resolve_parameters, handlers.validate_template_support
    error, nested = handlers._error, provisioners._check_nested_stack_capabilities
    apply, declared = handlers._apply_transforms, engine.declared_transforms

    def parse_template(text: str) -> dict[str, Any]:
        template: dict[str, Any] = parse(text)
        check_format(template)
        check_defaults(template)
        return template

    def resolve_parameters(template: Any, given: Sequence[Any], previous: Mapping[str, Any] | None = None) -> Any:
        check_given(template, given, previous or {})
        values = resolve(template, given, previous)
        check_identifiers(values, template, account_identifiers)
        return values

    def transform_template(template: Any, *given: Any) -> Any:
        check_transforms(declared(template), with_sam=find_spec("samtranslator") is not None)
        return apply(template, *given)

    def check_support(template: Any, conditions: Mapping[str, bool], params: Any = None) -> None:
        if not hasattr(template, "error"):  # a transform failed; the base says how
            check_whole(template, {} if params is None else conditions)
            check_types(template, conditions, refused_types)
        support(template, conditions, params=params)

    def refuse(code: str, message: str, *rest: Any) -> Any:
        return error(code, remove_prefix(message), *rest)

    def check_nested(parent: str, template: dict[str, Any]) -> None:
        nested(parent, template)
        check_whole(template, {})

    for module in (engine, handlers, changesets):
        module._parse_template, module._resolve_parameters = parse_template, resolve_parameters
    for module in (handlers, changesets):
        module.validate_template_support, module._error = check_support, refuse
        module._apply_transforms = transform_template
    handlers._capabilities_enforced = lambda: True
    provisioners._check_nested_stack_capabilities = check_nested


def _modules() -> list[Any]:
    return [importlib.import_module(name) for name in HOOKS if name.startswith(_MODULE)]


def account_identifiers(kind: str) -> Collection[str]:
    """What the account has of a type that parameters name: there are networks here, and no machines."""
    ec2: Any = importlib.import_module(_EC2)
    if kind == "AWS::EC2::AvailabilityZone::Name":
        return [f"{ec2.get_region()}{letter}" for letter in "abc"]
    if kind == "AWS::EC2::SecurityGroup::GroupName":
        return [group["GroupName"] for group in ec2._security_groups.values()]
    stores = {"VPC::Id": ec2._vpcs, "Subnet::Id": ec2._subnets, "SecurityGroup::Id": ec2._security_groups}
    return tuple(stores.get(kind.removeprefix("AWS::EC2::"), ()))


def check_transforms(names: Iterable[str], *, with_sam: bool) -> None:
    """Raises InvalidTemplate for a transform of a whole template that is not carried out."""
    for name in names:
        if not name.startswith("AWS::"):
            raise InvalidTemplate(f"No transform named {name} found.")
        if name not in DONE:
            raise InvalidTemplate(f"loopback does not carry out the transform {name} of a template")
        if name == SAM and not with_sam:
            raise InvalidTemplate(
                f"loopback does not carry out the transform {SAM}: install aws-sam-translator beside it, or give it "
                "what `sam build` makes of the template"
            )


def check_whole(template: Mapping[str, Any], conditions: Mapping[str, bool]) -> None:
    """Raises InvalidTemplate. What a transform is still to write out is left to it."""
    if not template.get("Transform"):
        check_references(template, conditions, has_attribute)


def check_types(
    template: Mapping[str, Any], conditions: Mapping[str, bool], refused: Callable[[Iterable[str]], list[str]]
) -> None:
    """Raises InvalidTemplate for types and properties that are not carried out, of what is made."""
    resources = {
        name: one
        for name, one in (template.get("Resources") or {}).items()
        if isinstance(one, dict) and conditions.get(one.get("Condition", ""), True)
    }
    if types := refused(str(one.get("Type", "")) for one in resources.values()):
        raise InvalidTemplate(f"loopback does not carry out the resource types [{', '.join(types)}]; {LIST}")
    for name, one in resources.items():
        if found := refused_properties(one.get("Type", ""), one.get("Properties", {})):
            raise InvalidTemplate(f"loopback does not carry out {', '.join(found)} of {one['Type']} ({name}); {LIST}")


def remove_prefix(message: str) -> str:
    """A message without the prefix that the base puts before whatever a template's reader says."""
    rest = message.removeprefix(PREFIX)
    return rest if rest.startswith(COMPLETE) else message
