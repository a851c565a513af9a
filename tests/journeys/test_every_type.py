"""Every resource type that loopback carries out is made, changed and deleted in a stack, and leaves nothing.

`tests/loopback/services/cloudformation/test_every_type.py` holds the templates equal to the types.
"""

import io
import re
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.journey
TEMPLATES = Path(__file__).parent
BUCKET = "every-type"
REGION_URL = f"https://{BUCKET}.s3.us-east-1.amazonaws.com"
SCRIPT = b"""
def model_fn(folder): return 0
def input_fn(body, kind): return body
def predict_fn(data, model): return "answered"
def output_fn(prediction, accept): return prediction
"""
INNER = "Resources: {P: {Type: 'AWS::SSM::Parameter', Properties: {Type: String, Value: !Ref Turn}}}\n"
# What there is of a stack's resources: service, operation, member of the answer.
LISTS = (
    ("apigateway", "get_rest_apis", "items"),
    ("apigatewayv2", "get_apis", "Items"),
    ("cloudwatch", "list_dashboards", "DashboardEntries"),
    ("codebuild", "list_projects", "projects"),
    ("codecommit", "list_repositories", "repositories"),
    ("codedeploy", "list_applications", "applications"),
    ("codepipeline", "list_pipelines", "pipelines"),
    ("dynamodb", "list_tables", "TableNames"),
    ("ecr", "describe_repositories", "repositories"),
    ("firehose", "list_delivery_streams", "DeliveryStreamNames"),
    ("glue", "get_databases", "DatabaseList"),
    ("iam", "list_open_id_connect_providers", "OpenIDConnectProviderList"),
    ("kinesis", "list_streams", "StreamNames"),
    ("lambda", "list_functions", "Functions"),
    ("lambda", "list_event_source_mappings", "EventSourceMappings"),
    ("sagemaker", "list_endpoints", "Endpoints"),
    ("sagemaker", "list_models", "Models"),
    ("sagemaker", "list_monitoring_schedules", "MonitoringScheduleSummaries"),
    ("sagemaker", "list_pipelines", "PipelineSummaries"),
    ("scheduler", "list_schedules", "Schedules"),
    ("secretsmanager", "list_secrets", "SecretList"),
    ("servicecatalog", "list_portfolios", "PortfolioDetails"),
    ("sns", "list_topics", "Topics"),
    ("sqs", "list_queues", "QueueUrls"),
    ("ssm", "describe_parameters", "Parameters"),
    ("stepfunctions", "list_state_machines", "stateMachines"),
)


def zipped(**files: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def model() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo("code/inference.py")
        entry.size = len(SCRIPT)
        archive.addfile(entry, io.BytesIO(SCRIPT))
    return packed.getvalue()


def definition(template: str, name: str) -> str:
    """The lines of a resource."""
    (found,) = re.findall(rf"^  {name}:.*\n(?:    .*\n|\n)*", template, re.MULTILINE)
    return str(found)


@pytest.mark.parametrize("file", ["every_type_base.yml", "every_type_ours.yml"])
def test_every_type_is_made_changed_and_deleted(loopback: Any, wait_until: Any, file: str) -> None:
    s3, stacks = loopback.client("s3"), loopback.client("cloudformation")
    s3.create_bucket(Bucket=BUCKET)
    inner = f"Parameters: {{Turn: {{Type: String}}}}\n{INNER}"
    objects = {"layer.zip": zipped(a=""), "source.zip": zipped(a="b"), "model.tar.gz": model()}
    texts = {file: (TEMPLATES / file).read_text(), "nested.yml": inner, "product.yml": inner}
    for key, content in (objects | {key: text.encode() for key, text in texts.items()}).items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=content)

    def found() -> dict[str, list[Any]]:
        return {
            f"{name} {call}": getattr(loopback.client(name), call)().get(member, []) for name, call, member in LISTS
        }

    def request(turn: str) -> dict[str, Any]:
        values = {"Turn": turn, "Bucket": BUCKET}
        return {
            "StackName": "every",
            "TemplateURL": f"{REGION_URL}/{file}",
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
        }

    def events(stack_id: str) -> list[dict[str, Any]]:
        pages = stacks.get_paginator("describe_stack_events").paginate(StackName=stack_id)
        return [event for page in pages for event in page["StackEvents"]]

    def reasons() -> str:
        said = (f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason', '')}" for e in events(stack_id))
        return "\n".join(text for text in said if not text.endswith(": "))

    def settled() -> str:
        look = lambda: str(stacks.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"])  # noqa: E731
        wait_until(lambda: not look().endswith("_IN_PROGRESS"), 120, reasons)
        return look()

    before = found()
    stack_id = stacks.create_stack(**request("one"))["StackId"]
    assert settled() == "CREATE_COMPLETE", reasons()
    stacks.update_stack(**request("two"))
    assert settled() == "UPDATE_COMPLETE", reasons()
    made = {
        one["LogicalResourceId"] for one in stacks.list_stack_resources(StackName="every")["StackResourceSummaries"]
    }
    updates = [event for event in events(stack_id) if event["ResourceStatus"] == "UPDATE_COMPLETE"]
    changed = {event["LogicalResourceId"] for event in updates}
    assert {name for name in made if "Turn" in definition(texts[file], name)} <= changed
    stacks.delete_stack(StackName="every")
    assert settled() == "DELETE_COMPLETE", reasons()
    gone = [event for event in events(stack_id) if event["ResourceStatus"] == "DELETE_COMPLETE"]
    assert made <= {event["LogicalResourceId"] for event in gone}
    assert found() == before
