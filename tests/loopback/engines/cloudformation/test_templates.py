"""Templates that CloudFormation refuses before it makes anything, in its own words.

The words are published: AWS re:Post's "cloudformation-template-validation", the user guide's "Troubleshooting", public
issues. That each template is wrong is judged by cfn-lint, whose rule stands beside it ("" where it has none).
"""

import importlib
from typing import Any

import pytest
import yaml

from loopback.engines.cloudformation.attributes import has_attribute
from loopback.engines.cloudformation.parameters import check_defaults, check_given
from loopback.engines.cloudformation.references import check_references
from loopback.engines.cloudformation.template_format import InvalidTemplate, check_format
from loopback.wire.documents import Loader

TOPIC = "Resources: {T: {Type: 'AWS::SNS::Topic'}}\n"
NAMED = "Resources:\n  T: {Type: 'AWS::SNS::Topic', Properties: {TopicName: %s}}\n"
ATTRIBUTE = "Resources: {T: {Type: 'AWS::SNS::Topic', %s}}\n"
IF = NAMED % "{'Fn::If': [C, {Ref: Zed}, b]}" + "Conditions: {C: {'Fn::Equals': [a, a]}}\n"
PARAMETER = TOPIC + "Parameters: {P: {%s}}\n"
OUTPUT = TOPIC + "Outputs: {O: {%s}}\n"
CONDITION = TOPIC + "Conditions: {C: %s}\n"
UNRESOLVED = "Template format error: Unresolved resource dependencies [Zed] in the Resources block of the template"
NOT_TEXT = "Template format error: The Value field of every Outputs member must evaluate to a String."
CIRCLE = """
Resources:
  A: {Type: 'AWS::SNS::Topic', Properties: {TopicName: {Ref: B}}}
  B: {Type: 'AWS::SNS::Topic', Properties: {TopicName: {'Fn::Sub': 'x-${C.TopicName}'}}}
  C: {Type: 'AWS::SNS::Topic', DependsOn: A}
  D: {Type: 'AWS::SNS::Topic', DependsOn: A}
"""
# template, words of the refusal, rule of cfn-lint
REFUSED = {
    # references
    "Ref": (NAMED % "{Ref: Zed}", UNRESOLVED, "E1020"),
    "Ref in a branch that is not taken": (IF, UNRESOLVED, "E1020"),
    "Sub": (NAMED % "{'Fn::Sub': 'x-${Zed}'}", UNRESOLVED, "E1019"),
    "DependsOn": (ATTRIBUTE % "DependsOn: [Zed]", UNRESOLVED, "E3005"),
    "DependsOn a parameter": (
        ATTRIBUTE % "DependsOn: Zed" + "Parameters: {Zed: {Type: String}}",
        UNRESOLVED,
        "E3005",
    ),
    "GetAtt": (
        NAMED % "{'Fn::GetAtt': [Zed, Arn]}",
        "instance of Fn::GetAtt references undefined resource Zed",
        "E1010",
    ),
    "GetAtt of a parameter": (
        NAMED % "{'Fn::GetAtt': [P, Arn]}" + "Parameters: {P: {Type: String}}",
        "instance of Fn::GetAtt references undefined resource P",
        "E1010",
    ),
    "attribute": (
        NAMED % "{'Fn::GetAtt': [U, Arm]}" + "  U: {Type: 'AWS::SNS::Topic'}",
        "resource U does not support attribute type Arm in Fn::GetAtt",
        "E1010",
    ),
    "attribute in Sub": (
        NAMED % "{'Fn::Sub': '${Zed.Arn}'}",
        "instance of Fn::Sub references invalid resource attribute Zed.Arn",
        "E1019",
    ),
    "Output": (OUTPUT % "Value: {Ref: Zed}", "dependencies [Zed] in the Outputs block of the template", "E6101"),
    "Condition": (
        ATTRIBUTE % "Condition: Zed",
        "Unresolved condition dependency Zed in the Resources block of the template",
        "E3015",
    ),
    "Condition of an output": (
        OUTPUT % "Condition: Zed, Value: a",
        "Unresolved condition dependency Zed in the Outputs block of the template",
        "E6005",
    ),
    "If": (NAMED % "{'Fn::If': [Zed, a, b]}", "unresolved condition dependency Zed in Fn::If", "E1028"),
    "condition of a resource": (
        CONDITION % "{'Fn::Equals': [{Ref: T}, a]}",
        "Unresolved dependencies [T]. Cannot reference resources in the Conditions block of the template",
        "E1020",
    ),
    "condition of a condition": (
        CONDITION % "{'Fn::Not': [{Condition: Zed}]}",
        "Unresolved condition dependency Zed in the Conditions block",
        "E8005",
    ),
    "circle of conditions": (
        TOPIC + "Conditions: {A: {'Fn::Not': [{Condition: B}]}, B: {'Fn::Not': [{Condition: A}]}}",
        "Circular dependency between conditions: [A, B]",
        "",
    ),
    "map": (NAMED % "{'Fn::FindInMap': [Zed, a, b]}", "Mapping named 'Zed' is not present in the 'Mappings'", "E1011"),
    "circle": (CIRCLE, "Circular dependency between resources: [A, B, C]", "E3004"),
    "itself": (NAMED % "{Ref: T}", "Circular dependency between resources: [T]", "E3004"),
    # sections and members
    "section": ("Resource: {}\n" + TOPIC, "Invalid template property or properties [Resource]", "E1001"),
    "no resources": ("Parameters: {A: {Type: String}}", "At least one Resources member must be defined.", "E1001"),
    "resources empty": ("Resources: {}", "At least one Resources member must be defined.", ""),
    "version": (
        "AWSTemplateFormatVersion: 2010-09-08\n" + TOPIC,
        "unsupported value for AWSTemplateFormatVersion",
        "E1001",
    ),
    "null": (NAMED % "", "[/Resources/T/Properties/TopicName] 'null' values are not allowed in templates", ""),
    "no type": ("Resources: {T: {Properties: {}}}", "Every Resources object must contain a Type member.", "E3001"),
    "attribute of a resource": (ATTRIBUTE % "Tags: []", "Invalid template resource property 'Tags'", "E3001"),
    "name": (
        "Resources: {my-topic: {Type: 'AWS::SNS::Topic'}}",
        "Resource name my-topic is non alphanumeric.",
        "E3001",
    ),
    "policy": (ATTRIBUTE % "DeletionPolicy: Keep", "Unrecognized DeletionPolicy Keep for resource T", "E3035"),
    "snapshot": (ATTRIBUTE % "DeletionPolicy: Snapshot", "does not support deletion policy Snapshot", "E3035"),
    "creation policy": (
        ATTRIBUTE % "CreationPolicy: {ResourceSignal: {Count: 1}}",
        "does not support CreationPolicy",
        "",
    ),
    "update policy": (
        ATTRIBUTE % "UpdatePolicy: {CodeDeployLambdaAliasUpdate: {ApplicationName: a, DeploymentGroupName: b}}",
        "does not support UpdatePolicy",
        "",
    ),
    "update policy not done": (
        "Resources: {T: {Type: 'AWS::AutoScaling::AutoScalingGroup', UpdatePolicy: {UseOnlineResharding: true}}}",
        "loopback does not carry out UpdatePolicy of AWS::AutoScaling::AutoScalingGroup (T)",
        "",
    ),
    "output without value": (OUTPUT % "Description: a", "Every Outputs member must contain a Value object", "E6002"),
    "output's property": (OUTPUT % "Value: a, Name: b", "Invalid template output property 'Name'", "E6001"),
    "output's list": (OUTPUT % "Value: [a]", NOT_TEXT, "E6101"),
    "output's list of a function": (OUTPUT % "Value: {'Fn::Split': [',', 'a,b']}", NOT_TEXT, "E6101"),
    "output's list of a parameter": (
        OUTPUT % "Value: {Ref: P}" + "Parameters: {P: {Type: CommaDelimitedList}}",
        NOT_TEXT,
        "E6101",
    ),
    "export": (OUTPUT % "Value: a, Export: {Nam: b}", "Export of output O must be an object with a Name", "E6001"),
    "mapping": (TOPIC + "Mappings: {M: {a: b}}", "must contain a String key and an object value", "E7001"),
    "parameter's type": (PARAMETER % "Type: Strin", "Unrecognized parameter type: Strin", "E2002"),
    "parameter without type": (
        PARAMETER % "Default: a",
        "Every Parameters object must contain a Type member.",
        "E2001",
    ),
    "parameter's property": (PARAMETER % "Type: String, Max: 1", "Invalid template parameter property 'Max'", "E2001"),
    "default": (PARAMETER % "Type: String, Default: [a]", "Every Default member must be a string.", "E2001"),
    "default's value": (
        PARAMETER % "Type: String, Default: c, AllowedValues: [a, b]",
        "Parameter 'P' must be one of AllowedValues",
        "E2015",
    ),
    # functions
    "function": (NAMED % "{'Fn::Jion': [a, [b]]}", "Encountered unsupported function: Fn::Jion", "E3012"),
    "macro": (NAMED % "{'Fn::Transform': {Name: Mine}}", "No transform named Mine found", ""),
    "Ref of a list": (NAMED % "{Ref: [a]}", "every Ref object must have a single String value", "E1020"),
    "Join": (NAMED % "{'Fn::Join': [a]}", "every Fn::Join object requires two parameters", "E1022"),
    "Join of text": (NAMED % "{'Fn::Join': [a, b]}", "every Fn::Join object requires two parameters", "E1022"),
    "GetAtt of one": (NAMED % "{'Fn::GetAtt': [T]}", "every Fn::GetAtt object requires two non-empty", "E1010"),
    "Select": (NAMED % "{'Fn::Select': [a, [b]]}", "Fn::Select requires a list argument with two elements", "E1017"),
    "Split": (NAMED % "{'Fn::Select': [0, {'Fn::Split': [a]}]}", "every Fn::Split object requires two", "E1017"),
    "Sub of three": (NAMED % "{'Fn::Sub': [a, {}, b]}", "Fn::Sub intrinsic functions don't specify expected", "E1019"),
    "Sub of shell": (NAMED % "{'Fn::Sub': '${A:-b}'}", "variable names in Fn::Sub syntax must contain only", "E1019"),
    "If of two": (
        NAMED % "{'Fn::If': [C, a]}" + "Conditions: {C: {'Fn::Equals': [a, a]}}",
        "Fn::If requires a list",
        "E1028",
    ),
    "FindInMap": (
        NAMED % "{'Fn::FindInMap': [M, a]}" + "Mappings: {M: {a: {b: c}}}",
        "every Fn::FindInMap object requires three parameters",
        "E1011",
    ),
    "Equals of a value": (NAMED % "{'Fn::Equals': [a, a]}", "Fn::Equals can only be used in the Conditions", "E3012"),
    "And of one": (CONDITION % "{'Fn::And': [{'Fn::Equals': [a, a]}]}", "every Fn::And object requires", "E8004"),
    "Equals of one": (CONDITION % "{'Fn::Equals': [a]}", "Fn::Equals requires a list argument with two", "E8003"),
    "GetAtt in conditions": (
        CONDITION % "{'Fn::Equals': [{'Fn::GetAtt': [T, Arn]}, a]}",
        "Cannot use Fn::GetAtt",
        "E8003",
    ),
    "a condition that is none": (
        CONDITION % "true",
        "Conditions can only be boolean operations on parameters and other conditions",
        "",
    ),
}
ACCEPTED = {
    "nothing": TOPIC,
    "references": NAMED % "{'Fn::Sub': ['${P}-${v}-${!x}-${AWS::Region}-${U.TopicName}', {v: {Ref: 'AWS::StackName'}}]}"
    + "  U: {Type: 'AWS::SNS::Topic'}\n"
    + "Parameters: {P: {Type: String, Default: ''}}",
    "data with a Condition": NAMED % "{'Fn::Join': ['', [{'Fn::If': [C, a, {Ref: 'AWS::NoValue'}]}]]}"
    + "Conditions: {C: {'Fn::Not': [{'Fn::Equals': ['', {Ref: P}]}]}}\nParameters: {P: {Type: Number, Default: 1}}",
    "a policy's Condition": "Resources: {R: {Type: 'AWS::IAM::Role', Properties: {AssumeRolePolicyDocument: "
    "{Statement: [{Effect: Allow, Principal: '*', Action: 'sts:AssumeRole', Condition: {StringEquals: {a: b}}}]}}}}",
}


def check(text: str, conditions: dict[str, bool] | None = None) -> None:
    template = yaml.load(text, type("Dates", (Loader,), {"yaml_implicit_resolvers": WITHOUT_DATES}))
    check_format(template)
    check_defaults(template)
    check_references(template, conditions or {}, has_attribute)


WITHOUT_DATES = {
    key: [(tag, found) for tag, found in resolvers if not tag.endswith("timestamp")]
    for key, resolvers in Loader.yaml_implicit_resolvers.items()
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_template_that_is_refused(name: str) -> None:
    text, words, _ = REFUSED[name]
    with pytest.raises(InvalidTemplate) as refused:
        check(text)
    assert words in str(refused.value)


@pytest.mark.parametrize("name", ACCEPTED)
def test_a_template_that_is_taken(name: str) -> None:
    check(ACCEPTED[name])


def test_cfn_lint_judges_as_we_do() -> None:
    api, core = importlib.import_module("cfnlint.api"), importlib.import_module("cfnlint.core")
    rules, wrong = core.get_rules([], [], ["I", "W"]), {}

    def lint(text: str) -> set[str]:
        return {match.rule.id for match in api.lint(text, rules)}

    for name, (text, _, rule) in REFUSED.items():
        found = lint(text) if rule else {rule}
        if rule not in found:
            wrong[name] = (rule, found)
    for name, text in ACCEPTED.items():
        if found := lint(text):
            wrong[name] = ("", found)
    assert wrong == {}


FALSE = """
Conditions: {C: {'Fn::Equals': [a, b]}}
Resources:
  A: {Type: 'AWS::SNS::Topic', Condition: C}
  B: {Type: 'AWS::SNS::Topic', Properties: {TopicName: %s}}
"""


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("{Ref: A}", "Unresolved resource dependencies [A] in the Resources block"),
        ("{'Fn::Sub': '${A.TopicName}'}", "Unresolved resource dependencies [A] in the Resources block"),
        ("{'Fn::If': [C, {Ref: A}, b]}", ""),
        ("{'Fn::If': [C, b, {Ref: A}]}", "Unresolved resource dependencies [A] in the Resources block"),
    ],
)
def test_what_is_not_made_cannot_be_referred_to(value: str, words: str) -> None:
    check(FALSE % value)  # ValidateTemplate does not know
    if not words:
        check(FALSE % value, {"C": False})
        return
    check(FALSE % value, {"C": True})
    with pytest.raises(InvalidTemplate) as refused:
        check(FALSE % value, {"C": False})
    assert words in str(refused.value)


def test_a_circle_that_a_condition_opens() -> None:
    text = """
Conditions: {C: {'Fn::Equals': [a, b]}}
Resources:
  A: {Type: 'AWS::SNS::Topic', Properties: {TopicName: {'Fn::If': [C, {Ref: B}, a]}}}
  B: {Type: 'AWS::SNS::Topic', Properties: {TopicName: {Ref: A}}}
"""
    check(text, {"C": False})
    with pytest.raises(InvalidTemplate, match=r"Circular dependency between resources: \[A, B\]"):
        check(text, {"C": True})


DEFINED: dict[str, dict[str, Any]] = {
    "Text": {"Type": "String", "AllowedPattern": "[a-z]*", "MinLength": "2", "MaxLength": 4},
    "Size": {"Type": "Number", "MinValue": 1, "MaxValue": "9", "Default": 5},
    "Kinds": {"Type": "CommaDelimitedList", "AllowedValues": ["a", "b"], "Default": "a"},
    "Flag": {"Type": "String", "AllowedValues": [True, False], "Default": True},
    "Mail": {"Type": "String", "AllowedPattern": ".+@.+", "ConstraintDescription": "is no address", "Default": "a@b"},
}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "Parameters: [Text] must have values"),
        ({"Text": "abc", "Zed": "1"}, "Parameters: [Zed] do not exist in the template"),
        ({"Text": "a"}, "Parameter 'Text' must contain at least 2 characters"),
        ({"Text": "abcde"}, "Parameter 'Text' must contain at most 4 characters"),
        ({"Text": "aBc"}, "Parameter 'Text' must match pattern [a-z]*"),
        ({"Text": "abc", "Size": "x"}, "Parameter 'Size' must be a number"),
        ({"Text": "abc", "Size": "0"}, "Parameter 'Size' must be a number not less than 1"),
        ({"Text": "abc", "Size": "1e1"}, "Parameter 'Size' must be a number not greater than 9"),
        ({"Text": "abc", "Kinds": "a, b,c"}, "Parameter 'Kinds' must be one of AllowedValues"),
        ({"Text": "abc", "Flag": "True"}, "Parameter 'Flag' must be one of AllowedValues"),
        ({"Text": "abc", "Mail": "x"}, "Parameter 'Mail' is no address"),
        ({"Text": "abc", "Kinds": "a, b", "Flag": "false", "Size": "9"}, ""),
    ],
)
def test_values_of_parameters(given: dict[str, str], words: str) -> None:
    check_defaults({"Parameters": DEFINED})
    entries = [{"Key": key, "Value": value} for key, value in given.items()]
    if not words:
        check_given({"Parameters": DEFINED}, entries, {})
        return
    with pytest.raises(InvalidTemplate) as refused:
        check_given({"Parameters": DEFINED}, entries, {})
    assert str(refused.value) == words


def test_a_previous_value_that_there_is_not() -> None:
    kept = [{"Key": "Text", "UsePreviousValue": True}]
    check_given({"Parameters": DEFINED}, kept, {"Text": {}})
    with pytest.raises(InvalidTemplate, match="Cannot specify usePreviousValue as true"):
        check_given({"Parameters": DEFINED}, kept, {})
