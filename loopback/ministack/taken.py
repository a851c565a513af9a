"""Names that are in use: the base's own resource types take what exists over, and delete it with their stack.

A create handler of CloudFormation answers AlreadyExists instead (the handler contract of the CloudFormation CLI's user
guide), and what exists stays whose it is.
"""

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Names:
    """Where the base keeps what a property of a type names: in a module's stores, by name or by ARN."""

    module: str
    stores: tuple[str, ...]
    property: str
    by_arn: bool = False


TYPES: dict[str, Names] = {
    "AWS::CloudWatch::Alarm": Names("cloudwatch", ("_alarms", "_composite_alarms"), "AlarmName"),
    "AWS::CloudWatch::CompositeAlarm": Names("cloudwatch", ("_alarms", "_composite_alarms"), "AlarmName"),
    "AWS::CloudWatch::Dashboard": Names("cloudwatch", ("_dashboards",), "DashboardName"),
    "AWS::DynamoDB::Table": Names("dynamodb", ("_tables",), "TableName"),
    "AWS::ECR::Repository": Names("ecr", ("_repositories",), "RepositoryName"),
    "AWS::IAM::ManagedPolicy": Names("iam", ("_policies",), "ManagedPolicyName", by_arn=True),
    "AWS::IAM::Role": Names("iam", ("_roles",), "RoleName"),
    "AWS::KMS::Alias": Names("kms", ("_aliases",), "AliasName", by_arn=True),
    "AWS::Kinesis::Stream": Names("kinesis", ("_streams",), "Name"),
    "AWS::Lambda::Function": Names("lambda_svc", ("_functions",), "FunctionName"),
    "AWS::Logs::LogGroup": Names("cloudwatch_logs", ("_log_groups",), "LogGroupName"),
    "AWS::SNS::Topic": Names("sns", ("_topics",), "TopicName", by_arn=True),
    "AWS::SQS::Queue": Names("sqs", ("_queue_name_to_url",), "QueueName"),
    "AWS::SecretsManager::Secret": Names("secretsmanager", ("_secrets",), "Name"),
    "AWS::StepFunctions::StateMachine": Names("stepfunctions", ("_state_machines",), "StateMachineName", by_arn=True),
}
_SERVICES = "ministack.services"
HOOKS: dict[str, tuple[str, ...]] = {f"{_SERVICES}.eventbridge": ("_rules", "_rule_key")}
for _names in TYPES.values():
    _module = f"{_SERVICES}.{_names.module}"
    HOOKS[_module] = tuple(dict.fromkeys((*HOOKS.get(_module, ()), *_names.stores)))
RULE = "AWS::Events::Rule"


class AlreadyExists(Exception):
    """The name is in use; the message is CloudFormation's."""


def check(kind: str, properties: Mapping[str, Any]) -> None:
    """Raises AlreadyExists where a resource of this name is there. What has no name of its own gets a new one."""
    name = _rule(properties) if kind == RULE else _name(kind, properties)
    if name:
        raise AlreadyExists(
            f"Resource of type '{kind}' with identifier '{name}' already exists. (HandlerErrorCode: AlreadyExists)"
        )


def _name(kind: str, properties: Mapping[str, Any]) -> str:
    names = TYPES.get(kind)
    name = str(properties.get(names.property) or "") if names else ""
    if names is None or not name:
        return ""
    module: Any = importlib.import_module(f"{_SERVICES}.{names.module}")
    keys = (key for store in names.stores for key in getattr(module, store))
    return name if is_in_use(name, keys, by_arn=names.by_arn) else ""


def is_in_use(name: str, keys: Iterable[str], *, by_arn: bool) -> bool:
    """Whether one of the keys is the name, or an ARN that ends with it.

    >>> is_in_use("p", ["arn:aws:iam::000000000000:policy/team/p"], by_arn=True)
    True
    """
    if by_arn:
        return any(key.endswith((f":{name}", f"/{name}")) for key in keys)
    return name in keys


def _rule(properties: Mapping[str, Any]) -> str:
    events: Any = importlib.import_module(f"{_SERVICES}.eventbridge")
    name = str(properties.get("Name") or "")
    bus = str(properties.get("EventBusName") or "default").rpartition("/")[2]
    return name if name and events._rule_key(name, bus) in events._rules else ""
