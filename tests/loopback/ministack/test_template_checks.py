"""Every operation that takes a template checks it first, and answers in CloudFormation's words."""

import importlib
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from loopback.engines.cloudformation.template_format import InvalidTemplate
from loopback.ministack import change_sets, stack_properties, stack_requests, template_checks

ROLE = """
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}]
"""
TOPIC = "Resources: {T: {Type: 'AWS::SNS::Topic', Properties: {DisplayName: %s}}}"
GIVEN = {"Parameters.member.1.ParameterKey": ["Zed"], "Parameters.member.1.ParameterValue": ["1"]}
MACRO = "Transform: AWS::LanguageExtensions\n" + TOPIC % "a"
STACK = "ministack.services.cloudformation"


@pytest.fixture
def handlers(monkeypatch: pytest.MonkeyPatch) -> Any:
    for part in (template_checks, stack_properties, stack_requests, change_sets):
        for name, hooks in part.HOOKS.items():
            module = importlib.import_module(name)
            for hook in hooks:
                monkeypatch.setattr(module, hook, getattr(module, hook))
    state: Any = importlib.import_module(STACK)
    monkeypatch.setattr(state, "_stacks", {})
    handlers: Any = importlib.import_module(f"{STACK}.handlers")
    template_checks.install(lambda types: [one for one in types if one == "AWS::Glue::Crawler"])
    stack_properties.install()
    monkeypatch.setattr(handlers, "_ACTION_HANDLERS", dict(handlers._ACTION_HANDLERS))
    stack_requests.install()
    monkeypatch.setattr(state, "_change_sets", {})
    change_sets.install()
    return handlers


def asked(handlers: Any, action: str, text: str, **more: list[str]) -> tuple[str, str]:
    request = {"StackName": ["s"], "ChangeSetName": ["c"], "ChangeSetType": ["CREATE"], "TemplateBody": [text], **more}
    status, _, body = handlers._ACTION_HANDLERS[action](request)
    assert status == 400, body
    error = ET.fromstring(body).find(".//{*}Error")
    assert error is not None
    return str(error.findtext("{*}Code")), str(error.findtext("{*}Message"))


@pytest.mark.parametrize("action", ["CreateStack", "ValidateTemplate", "CreateChangeSet"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Resource: {}", "Invalid template property or properties [Resource]"),
        (TOPIC % "{Ref: Zed}", "Template format error: Unresolved resource dependencies [Zed] in the Resources block"),
        (TOPIC % "{'Fn::Join': [a]}", "Template error: every Fn::Join object requires two parameters"),
        (
            "Resources: {T: {Type: 'AWS::No::Such'}}",
            "Template format error: Unrecognized resource types: [AWS::No::Such]",
        ),
        (
            "Resources: {T: {Type: 'AWS::Glue::Crawler'}}",
            "loopback does not carry out the resource types [AWS::Glue::Crawler]",
        ),
        (
            "Resources: {T: {Type: 'AWS::ApiGateway::Stage', Properties: {CanarySetting: {}}}}",
            "loopback does not carry out CanarySetting of AWS::ApiGateway::Stage (T)",
        ),
        ("[", "Template format error: "),
    ],
)
def test_a_template_is_refused(handlers: Any, action: str, text: str, words: str) -> None:
    code, message = asked(handlers, action, text)
    assert (code, message[: len(words)]) == ("ValidationError", words)
    assert importlib.import_module(STACK)._stacks == {}


@pytest.mark.parametrize("action", ["CreateStack", "CreateChangeSet"])
def test_values_and_capabilities_are_asked_for(handlers: Any, action: str) -> None:
    refusal = asked(handlers, action, TOPIC % "a", **GIVEN)
    assert refusal == ("ValidationError", "Parameters: [Zed] do not exist in the template")
    refusal = asked(handlers, action, ROLE)
    assert refusal == ("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]")
    named = ROLE.replace("Properties:", "Properties:\n      RoleName: mine")
    refusal = asked(handlers, action, named, **{"Capabilities.member.1": ["CAPABILITY_IAM"]})
    assert refusal == ("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_NAMED_IAM]")


def many(count: int, section: str, member: str) -> str:
    rows = "".join(f"  N{number}: {member}\n" for number in range(count))
    return f"{TOPIC % 'a'}\n{section}:\n{rows}" if section != "Resources" else f"Resources:\n{rows}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            many(501, "Resources", "{Type: 'AWS::SNS::Topic'}"),
            "Number of resources, 501, is greater than maximum allowed, 500",
        ),
        (many(201, "Parameters", "{Type: String, Default: a}"), "Number of parameters, 201, is greater than maximum"),
        (many(201, "Outputs", "{Value: a}"), "Number of outputs, 201, is greater than maximum allowed, 200"),
        (f"Resources: {{{'A' * 256}: {{Type: 'AWS::SNS::Topic'}}}}", "may not exceed 255 characters"),
        (f"# {'a' * 51_200}\n{TOPIC % 'a'}", "Member must have length less than or equal to 51200"),
    ],
)
def test_limits(handlers: Any, text: str, words: str) -> None:
    """Source: the user guide's "CloudFormation quotas"."""
    code, message = asked(handlers, "CreateStack", text)
    assert (code, words in message) == ("ValidationError", True), message[-300:]


def test_a_macro_needs_its_capability(handlers: Any) -> None:
    refusal = asked(handlers, "CreateStack", MACRO)
    assert refusal == ("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_AUTO_EXPAND]")


def test_a_nested_template_is_checked(handlers: Any) -> None:
    provisioners: Any = importlib.import_module(f"{STACK}.provisioners")
    with pytest.raises(ValueError, match=r"Unresolved resource dependencies \[Zed\]"):
        provisioners._check_nested_stack_capabilities("parent", {"Resources": {"T": {"Type": "A", "DependsOn": "Zed"}}})
    with pytest.raises(ValueError, match="Requires capabilities"):
        provisioners._check_nested_stack_capabilities("parent", {"Resources": {"R": {"Type": "AWS::IAM::Role"}}})


def test_properties_are_compared_before_the_first_resource_is_made(
    handlers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine: Any = importlib.import_module(f"{STACK}.stacks")
    told: list[Any] = []
    monkeypatch.setattr(engine, "_add_event", lambda *event, **_more: told.append(event))
    resources = {
        "A": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "a"}},
        "B": {"Type": "AWS::SNS::Topic", "Properties": {"Name": {"Ref": "A"}}},
        "C": {"Type": "AWS::SNS::Topic", "Condition": "Off", "Properties": {"Name": "c"}},
    }
    found = engine._validation_errors(resources, ["A", "B", "C"], {}, {"Off": False}, {}, "s", "id")
    text = "#: extraneous key [Name] is not permitted"
    assert found == [("B", "AWS::SNS::Topic", "PROPERTY_VALIDATION", "/Resources/B/Properties", text)]
    assert [(event[2], event[4]) for event in told] == [("B", "CREATE_FAILED")]
    assert text in told[0][5]


@pytest.mark.parametrize(
    ("message", "left"),
    [
        ("Template format error: Template error: a", "Template error: a"),
        ("Template format error: Template format error: a", "Template format error: a"),
        (
            "Template format error: mapping values are not allowed",
            "Template format error: mapping values are not allowed",
        ),
        ("anything", "anything"),
    ],
)
def test_the_prefix_of_a_refusal(message: str, left: str) -> None:
    assert template_checks.remove_prefix(message) == left


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["Mine"], "No transform named Mine found."),
        (["AWS::Include"], "loopback does not carry out the transform AWS::Include of a template"),
        (["AWS::LanguageExtensions", template_checks.SAM], "install aws-sam-translator beside it"),
    ],
)
def test_transforms_that_are_not_carried_out(names: list[str], words: str) -> None:
    with pytest.raises(InvalidTemplate, match=words):
        template_checks.check_transforms(names, with_sam=False)
    template_checks.check_transforms(["AWS::LanguageExtensions", template_checks.SAM], with_sam=True)


def test_members_of_requests_that_are_not_carried_out(handlers: Any) -> None:
    topics = {"NotificationARNs.member.1": ["arn:aws:sns:us-east-1:000000000000:t"], "TimeoutInMinutes": ["5"]}
    refusal = asked(handlers, "CreateStack", TOPIC % "a", **topics)
    assert refusal == (
        "ValidationError",
        "loopback does not carry out NotificationARNs, TimeoutInMinutes of CreateStack",
    )


def test_a_member_that_says_what_is_so_anyhow() -> None:
    for mode, refused in {"STANDARD": [], "EXPRESS": ["DeploymentConfig"]}.items():
        assert stack_requests.members_given_in({"DeploymentConfig.Mode": [mode]}, ("DeploymentConfig",)) == refused


def test_the_members_are_those_of_the_api() -> None:
    """The judge is botocore's service model."""
    import botocore.session

    service = botocore.session.get_session().get_service_model("cloudformation")
    for action, members in stack_requests.NOT_DONE.items():
        assert set(members) <= set(service.operation_model(action).input_shape.members), action


def change_set(handlers: Any, text: str) -> tuple[dict[str, Any], list[str | None]]:
    """What CreateChangeSet has made, and the reasons that DescribeEvents has for it."""
    request = {"StackName": ["s"], "ChangeSetName": ["c"], "ChangeSetType": ["CREATE"], "TemplateBody": [text]}
    status, _, body = handlers._ACTION_HANDLERS["CreateChangeSet"](request)
    assert status == 200, body
    (made,) = importlib.import_module(STACK)._change_sets.values()
    _, _, body = handlers._ACTION_HANDLERS["DescribeEvents"]({"ChangeSetName": [made["ChangeSetId"]]})
    events = ET.fromstring(body).iterfind(".//{*}ValidationStatusReason")
    return made, [event.text for event in events]


def test_a_change_set_whose_properties_fit(handlers: Any) -> None:
    made, reasons = change_set(handlers, TOPIC % "a")
    assert (made["Status"], made["ExecutionStatus"], reasons) == ("CREATE_COMPLETE", "AVAILABLE", [])


def test_a_change_set_whose_properties_do_not_fit_is_failed(handlers: Any) -> None:
    """The words of aws/aws-cdk-cli#1000; where the reasons are, by #970."""
    made, reasons = change_set(handlers, "Resources: {T: {Type: 'AWS::SNS::Topic', Properties: {Nope: 1}}}")
    assert (made["Status"], made["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert made["StatusReason"] == (
        "The following hook(s)/validation failed: [AWS::EarlyValidation::PropertyValidation]. To troubleshoot Early "
        "Validation errors, use the DescribeEvents API for detailed failure information."
    )
    assert reasons == ["#: extraneous key [Nope] is not permitted"]


def test_a_change_set_with_a_name_that_is_taken_is_failed(handlers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sqs: Any = importlib.import_module("ministack.services.sqs")
    monkeypatch.setattr(sqs, "_queue_name_to_url", {"mine": "http://x"})
    made, reasons = change_set(handlers, "Resources: {Q: {Type: 'AWS::SQS::Queue', Properties: {QueueName: mine}}}")
    assert "[AWS::EarlyValidation::ResourceExistenceCheck]" in made["StatusReason"]
    assert reasons == ["Resource of type 'AWS::SQS::Queue' with identifier 'mine' already exists."]


NETWORK = """
Parameters:
  Vpc: {Type: 'AWS::EC2::VPC::Id', Default: vpc-1}
  Subnets: {Type: 'List<AWS::EC2::Subnet::Id>', Default: subnet-1}
Resources: {T: {Type: 'AWS::SNS::Topic', Properties: {DisplayName: {Ref: Vpc}}}}
"""


def test_what_a_parameter_names_must_be_there(handlers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """CloudFormation's words for such parameters, as its users report them."""
    ec2: Any = importlib.import_module("ministack.services.ec2")
    monkeypatch.setattr(ec2, "_vpcs", {"vpc-1": {}})
    monkeypatch.setattr(ec2, "_subnets", {"subnet-1": {}, "subnet-2": {}})
    assert change_set(handlers, NETWORK)[0]["Status"] == "CREATE_COMPLETE"
    given = {"Parameters.member.1.ParameterKey": ["Subnets"], "Parameters.member.1.ParameterValue": ["subnet-2, other"]}
    assert asked(handlers, "CreateStack", NETWORK, **given, StackName=["t"]) == (
        "ValidationError",
        "Parameter validation failed: parameter value other for parameter name Subnets does not exist",
    )
