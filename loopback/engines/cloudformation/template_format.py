"""What a template is made of, checked as CloudFormation checks it before there is a stack. Pure.

The words of the refusals are AWS's where they are published: the user guide's "Troubleshooting CloudFormation",
questions at re:Post and issues of public repositories quote them. cfn-lint judges in the tests.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

SECTIONS = (
    "AWSTemplateFormatVersion",
    "Description",
    "Metadata",
    "Parameters",
    "Rules",
    "Mappings",
    "Conditions",
    "Transform",
    "Resources",
    "Outputs",
)
RESOURCE_ATTRIBUTES = (
    "Type",
    "Properties",
    "Metadata",
    "DependsOn",
    "Condition",
    "CreationPolicy",
    "DeletionPolicy",
    "UpdatePolicy",
    "UpdateReplacePolicy",
)
PARAMETER_ATTRIBUTES = (
    "AllowedPattern",
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "MaxLength",
    "MaxValue",
    "MinLength",
    "MinValue",
    "NoEcho",
    "Type",
)
OUTPUT_ATTRIBUTES = ("Description", "Value", "Export", "Condition")
POLICIES = {
    "DeletionPolicy": ("Delete", "Retain", "RetainExceptOnCreate", "Snapshot"),
    "UpdateReplacePolicy": ("Delete", "Retain", "Snapshot"),
}
# The types in the user guide's "DeletionPolicy attribute" that have snapshots.
SNAPSHOTS = frozenset(
    {
        "AWS::DocDB::DBCluster",
        "AWS::EC2::Volume",
        "AWS::ElastiCache::CacheCluster",
        "AWS::ElastiCache::ReplicationGroup",
        "AWS::Neptune::DBCluster",
        "AWS::RDS::DBCluster",
        "AWS::RDS::DBInstance",
        "AWS::Redshift::Cluster",
    }
)
# The types in the user guide's pages of both attributes, and those for which loopback carries them out.
HAS_CREATION_POLICY = frozenset(
    {
        "AWS::AppStream::Fleet",
        "AWS::AutoScaling::AutoScalingGroup",
        "AWS::CloudFormation::WaitCondition",
        "AWS::EC2::Instance",
    }
)
HAS_UPDATE_POLICY = frozenset(
    {
        "AWS::AppStream::Fleet",
        "AWS::AutoScaling::AutoScalingGroup",
        "AWS::ElastiCache::ReplicationGroup",
        "AWS::Elasticsearch::Domain",
        "AWS::Lambda::Alias",
        "AWS::OpenSearchService::Domain",
    }
)
DONE = {"CreationPolicy": "AWS::CloudFormation::WaitCondition", "UpdatePolicy": "AWS::Lambda::Alias"}
_EC2 = (
    "AWS::EC2::AvailabilityZone::Name",
    "AWS::EC2::Image::Id",
    "AWS::EC2::Instance::Id",
    "AWS::EC2::KeyPair::KeyName",
    "AWS::EC2::SecurityGroup::GroupName",
    "AWS::EC2::SecurityGroup::Id",
    "AWS::EC2::Subnet::Id",
    "AWS::EC2::Volume::Id",
    "AWS::EC2::VPC::Id",
    "AWS::Route53::HostedZone::Id",
)
_PLAIN = ("String", "Number", "List<Number>", "CommaDelimitedList", "List<String>")
_IN_STORE = ("String", "List<String>", "CommaDelimitedList", *_EC2, *(f"List<{name}>" for name in _EC2))
PARAMETER_TYPES = frozenset(
    {
        *_PLAIN,
        *_EC2,
        *(f"List<{name}>" for name in _EC2),
        "AWS::SSM::Parameter::Name",
        *(f"AWS::SSM::Parameter::Value<{name}>" for name in _IN_STORE),
    }
)
NAME = re.compile(r"[A-Za-z0-9]+")
LONGEST_NAME = 255
Template = Mapping[str, Any]


class InvalidTemplate(ValueError):
    """CloudFormation takes no such template, or no such values for its parameters; the message is its own."""


def check_format(template: Template) -> None:
    """Raises InvalidTemplate for a template whose sections are not what they have to be."""
    _check_head(template)
    for path in _nulls(template, ""):
        raise InvalidTemplate(f"Template format error: [{path}] 'null' values are not allowed in templates")
    for section in ("Parameters", "Rules", "Mappings", "Conditions", "Resources", "Outputs"):
        if not isinstance(template.get(section, {}), dict):
            raise InvalidTemplate(f"Template format error: {section} must be an object.")
    if not template.get("Resources"):
        raise InvalidTemplate("Template format error: At least one Resources member must be defined.")
    for section, check in _MEMBERS.items():
        for name, member in template.get(section, {}).items():
            if not name.startswith("Fn::"):  # a loop, which a transform writes out first
                check(name, member)


def _check_head(template: Template) -> None:
    if strange := [name for name in template if name not in SECTIONS and name != "Globals"]:
        raise InvalidTemplate(f"Invalid template property or properties [{', '.join(strange)}]")
    if "Globals" in template and "Transform" not in template:
        raise InvalidTemplate("Invalid template property or properties [Globals]")
    if str(template.get("AWSTemplateFormatVersion", "2010-09-09")) != "2010-09-09":
        raise InvalidTemplate("Template format error: unsupported value for AWSTemplateFormatVersion.")
    if not isinstance(template.get("Description", ""), str):
        raise InvalidTemplate("Template format error: Description must be a string.")


def _nulls(value: Any, path: str) -> Iterator[str]:
    if value is None:
        yield path
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        yield from _nulls(item, f"{path}/{key}")


def _check_name(noun: str, name: str) -> None:
    if not NAME.fullmatch(name):
        raise InvalidTemplate(f"Template format error: {noun} name {name} is non alphanumeric.")
    if len(name) > LONGEST_NAME:
        raise InvalidTemplate(f"Template format error: {noun} name {name} may not exceed {LONGEST_NAME} characters")


def _check_object(section: str, name: str, member: Any) -> None:
    if not isinstance(member, dict):
        raise InvalidTemplate(f"Template format error: [/{section}/{name}] every {section} member must be an object.")


def _check_attributes(member: Mapping[str, Any], known: tuple[str, ...], noun: str) -> None:
    for attribute in member:
        if attribute not in known:
            raise InvalidTemplate(f"Invalid template {noun} property '{attribute}'")


def check_resource(name: str, resource: Any) -> None:
    """Raises InvalidTemplate."""
    _check_name("Resource", name)
    _check_object("Resources", name, resource)
    kind = resource.get("Type")
    if not isinstance(kind, str) or not kind:
        raise InvalidTemplate(
            f"Template format error: [/Resources/{name}] Every Resources object must contain a Type member."
        )
    if kind.startswith("AWS::Serverless::"):
        return  # a transform's own attributes
    _check_attributes(resource, RESOURCE_ATTRIBUTES, "resource")
    for attribute in ("Properties", "Metadata", "CreationPolicy", "UpdatePolicy"):
        if not isinstance(resource.get(attribute, {}), dict):
            raise InvalidTemplate(f"Template format error: [/Resources/{name}/{attribute}] must be an object.")
    _check_condition(resource)
    depends_on = resource.get("DependsOn", [])
    if not isinstance(depends_on, str) and not _are_texts(depends_on):
        raise InvalidTemplate(
            f"Template format error: [/Resources/{name}] DependsOn must be a string or a list of strings."
        )
    for attribute, known in (("CreationPolicy", HAS_CREATION_POLICY), ("UpdatePolicy", HAS_UPDATE_POLICY)):
        if resource.get(attribute) and kind not in known:
            raise InvalidTemplate(f"Template error: resource type {kind} does not support {attribute} ({name})")
        if resource.get(attribute) and kind != DONE[attribute]:
            raise InvalidTemplate(f"loopback does not carry out {attribute} of {kind} ({name})")
    for attribute, allowed in POLICIES.items():
        _check_policy(name, kind, attribute, resource.get(attribute, "Delete"), allowed)


def _check_condition(member: Mapping[str, Any]) -> None:
    if not isinstance(member.get("Condition", ""), str):
        raise InvalidTemplate("Template format error: Every Condition member must be a string.")


def _check_policy(name: str, kind: str, attribute: str, value: Any, allowed: tuple[str, ...]) -> None:
    if isinstance(value, dict):
        return  # a function, which AWS::LanguageExtensions makes a value of
    if value not in allowed:
        raise InvalidTemplate(f"Template format error: Unrecognized {attribute} {value} for resource {name}")
    if value == "Snapshot" and kind not in SNAPSHOTS:
        raise InvalidTemplate(
            f"Template error: resource type {kind} does not support deletion policy Snapshot ({attribute} of {name})"
        )


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def check_parameter(name: str, definition: Any) -> None:
    """Raises InvalidTemplate."""
    _check_name("Parameter", name)
    _check_object("Parameters", name, definition)
    _check_attributes(definition, PARAMETER_ATTRIBUTES, "parameter")
    kind = definition.get("Type")
    if not isinstance(kind, str):
        raise InvalidTemplate("Template format error: Every Parameters object must contain a Type member.")
    if kind not in PARAMETER_TYPES:
        raise InvalidTemplate(f"Template format error: Unrecognized parameter type: {kind}")
    for attribute in PARAMETER_ATTRIBUTES:
        if attribute != "AllowedValues" and isinstance(definition.get(attribute, ""), dict | list):
            raise InvalidTemplate(f"Template format error: Every {attribute} member must be a string.")
    values = definition.get("AllowedValues", [])
    if not isinstance(values, list) or any(isinstance(value, dict | list) for value in values):
        raise InvalidTemplate("Template format error: Every AllowedValues member must be a list of strings.")
    for attribute in ("MinLength", "MaxLength", "MinValue", "MaxValue"):
        if attribute in definition and not _is_number(definition[attribute]):
            raise InvalidTemplate(f"Template format error: {attribute} of parameter {name} must be a number.")
    try:
        re.compile(str(definition.get("AllowedPattern", "")))
    except re.error as fault:
        raise InvalidTemplate(f"Template format error: AllowedPattern of parameter {name}: {fault}") from None


def _is_number(value: Any) -> bool:
    return (
        not isinstance(value, bool) and re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", str(value)) is not None
    )


def check_mapping(name: str, mapping: Any) -> None:
    """Raises InvalidTemplate."""
    if isinstance(mapping, dict) and "Fn::Transform" in mapping:
        return
    _check_name("Mapping", name)
    if not isinstance(mapping, dict) or not all(isinstance(values, dict) for values in mapping.values()):
        raise InvalidTemplate(
            "Template format error: Every Mappings object member must contain a String key and an object value."
        )
    for values in mapping.values():
        for value in values.values():
            items = value if isinstance(value, list) else [value]
            if any(isinstance(item, dict | list) for item in items):
                raise InvalidTemplate("Template format error: Every Mappings attribute must be a String or a List.")


def check_output(name: str, output: Any) -> None:
    """Raises InvalidTemplate."""
    _check_name("Output", name)
    _check_object("Outputs", name, output)
    _check_attributes(output, OUTPUT_ATTRIBUTES, "output")
    if "Value" not in output:
        raise InvalidTemplate("Template format error: Every Outputs member must contain a Value object")
    if not isinstance(output.get("Description", ""), str):
        raise InvalidTemplate("Template format error: Every Description member must be a string.")
    _check_condition(output)
    value = output["Value"]
    if isinstance(value, list) or (isinstance(value, dict) and len(value) != 1):
        raise InvalidTemplate(
            "Template format error: The Value field of every Outputs member must evaluate to a String."
        )
    export = output.get("Export", {"Name": ""})
    if not isinstance(export, dict) or list(export) != ["Name"] or isinstance(export["Name"], list):
        raise InvalidTemplate(f"Template format error: Export of output {name} must be an object with a Name.")


_MEMBERS: dict[str, Callable[[str, Any], None]] = {
    "Parameters": check_parameter,
    "Mappings": check_mapping,
    "Resources": check_resource,
    "Outputs": check_output,
}
