"""`slipway destroy`: the order, what it leaves, that it can be repeated."""

import io
import json

import pytest

GONE = "ValidationException: Project demo does not exist."
NO_STACK = "ValidationError: Stack with id x does not exist"
OUTPUTS = [
    {"OutputKey": "ArtifactBucketName", "OutputValue": "sagemaker-project-p-1"},
    {"OutputKey": "RepositoryUrl", "OutputValue": "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/r"},
    {"OutputKey": "KmsKeyArn", "OutputValue": "arn:aws:kms:eu-west-1:111122223333:key/k"},
]
SCALED = [
    {
        "ResourceId": f"endpoint/{endpoint}/variant/AllTraffic",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    for endpoint in ("demo-prod", "demo-prod-2")
]


def running(aws) -> dict[str, object]:
    """What AWS answers of executions, builds and schedules that still run when they are asked for first."""

    def executions(request):
        if request.get("PipelineName", "").startswith(("demo-prod-", "demo-staging-")):
            return "ResourceNotFound: Pipeline does not exist."
        if "PipelineName" in request:
            arn = "arn:aws:sagemaker:eu-west-1:111122223333:pipeline/demo-abalone/execution/x1"
            return {
                "PipelineExecutionSummaries": [{"PipelineExecutionArn": arn, "PipelineExecutionStatus": runs.pop(0)}]
            }
        found = [("e-1", "InProgress"), ("e-0", "Succeeded")]
        return {"pipelineExecutionSummaries": [{"pipelineExecutionId": key, "status": status} for key, status in found]}

    def builds(request):
        project = request["ids"][0].partition(":")[0]
        state = "IN_PROGRESS" if project.endswith("modelbuild") and not aws.asked("StopBuild") else "STOPPED"
        return {"builds": [{"id": key, "buildStatus": state} for key in request["ids"]]}

    def unscheduled(request):
        """It is Pending for a while, and takes no order then."""
        asked = sum(of == request for name, of in aws.calls if name == "DeleteMonitoringSchedule")
        pending = "ValidationException: MonitoringSchedule is in status Pending"
        return {1: {}, 2: pending}.get(asked, "ResourceNotFound: Monitoring Schedule not found")

    runs = ["Executing", "Stopping", "Stopped"]

    return {
        "ListBuildsForProject": lambda request: {"ids": [f"{request['projectName']}:1"]},
        "BatchGetBuilds": builds,
        "StopBuild": {},
        "ListPipelineExecutions": executions,
        "StopPipelineExecution": {"pipelineExecutionId": "e-1"},
        "DeleteMonitoringSchedule": unscheduled,
    }


@pytest.fixture
def launched(aws) -> dict[str, list[str]]:
    """A project with both stages."""
    stacks = {"sagemaker-demo-p-1-deploy-prod", "sagemaker-demo-p-1-deploy-staging", "SP-p-1", "slipway-roles-demo"}
    there = {"project": True}

    def described(request):
        name = request["StackName"].rpartition("stack/")[2]
        stack = {
            "StackId": f"arn:aws:cloudformation:eu-west-1:1:stack/{name}",
            "StackStatus": "CREATE_COMPLETE",
            "Outputs": OUTPUTS,
        }
        return {"Stacks": [stack]} if name in stacks else NO_STACK

    def delete_stack(request):
        stacks.discard(request["StackName"].rpartition("stack/")[2])
        return {}

    def project(request):
        detail = {"StackDetail": {"Name": "SP-p-1"}, "Parameters": [{"Key": "Pipeline", "Value": "abalone"}]}
        found = {
            "ProjectId": "p-1",
            "ProjectStatus": "CreateCompleted",
            "TemplateProviderDetails": [{"CfnTemplateProviderDetail": detail}],
        }
        return found if there["project"] else GONE

    def delete_project(request):
        there["project"] = False
        return {}

    aws.answers |= running(aws) | {
        "DescribeStacks": described,
        "DeleteStack": delete_stack,
        "DescribeProject": project,
        "DeleteProject": delete_project,
        "DisableRule": lambda request: (
            {} if request["Name"].endswith("approved") else "ResourceNotFoundException: no rule"
        ),
        "ListMonitoringSchedules": lambda request: {
            "MonitoringScheduleSummaries": [{"MonitoringScheduleName": f"{request['EndpointName']}-quality"}]
        },
        "DescribeScalableTargets": {"ScalableTargets": SCALED},
        "DeregisterScalableTarget": {},
        "DeletePipeline": {"PipelineArn": "a"},
    }
    return {}


def test_in_the_order_that_aws_needs(aws, command, launched) -> None:
    code, out, _ = command("destroy", "demo", "--yes", "--json")
    assert code == 0
    assert json.loads(out)["done"] == [
        "stopped sagemaker-demo-p-1-modelbuild execution e-1",
        "stopped sagemaker-demo-p-1-modeldeploy execution e-1",
        "stopped build sagemaker-demo-p-1-modelbuild:1",
        "stopped demo-abalone execution x1",
        "deleted monitoring schedule demo-prod-quality",
        "deleted stack sagemaker-demo-p-1-deploy-prod",
        "released the scaling of endpoint/demo-prod/variant/AllTraffic",
        "deleted monitoring schedule demo-staging-quality",
        "deleted stack sagemaker-demo-p-1-deploy-staging",
        "deleted the SageMaker pipeline demo-abalone",
        "deleted project demo with its pipelines, builds, functions and rules",
        "deleted the project's roles, stack slipway-roles-demo",
    ]
    assert aws.order("DeleteProject", "DeleteStack")[-2:] == ["DeleteProject", "DeleteStack"]
    assert aws.order("DisableRule", "DeleteStack")[0] == "DisableRule"


def test_what_is_kept_is_told(command, launched) -> None:
    code, out, _ = command("destroy", "demo", "--yes")
    assert code == 0
    assert "aws s3api delete-bucket --bucket sagemaker-project-p-1" in out
    assert "--model-package-group-name demo-abalone" in out
    assert "aws codecommit delete-repository --repository-name r" in out
    assert "aws kms schedule-key-deletion --key-id arn:aws:kms:eu-west-1:111122223333:key/k" in out


def test_a_second_time_there_is_nothing_to_do(aws, command, launched) -> None:
    assert command("destroy", "demo", "--yes")[0] == 0
    aws.calls.clear()
    code, out, _ = command("destroy", "demo", "--yes")
    assert (code, out) == (0, "there is no project demo on AWS: nothing to do\n")
    assert [name for name, _ in aws.calls] == ["DescribeProject", "DescribeStacks", "DescribeStacks"]


def test_roles_that_are_left_alone_are_taken_away(aws, command, launched) -> None:
    """Of a launch that was cut off before there was a project, or of an end before its last step."""
    aws.answers["DescribeProject"] = GONE
    code, out, _ = command("destroy", "demo", "--yes", "--json")
    done = ["deleted the project's roles, stack slipway-roles-demo"]
    assert (code, json.loads(out)) == (0, {"project": "demo", "done": done, "retained": []})


def test_what_an_interrupted_one_left_is_finished(aws, command, launched) -> None:
    aws.answers |= {
        "ListPipelineExecutions": "PipelineNotFoundException: gone",
        "ListBuildsForProject": "ResourceNotFoundException: gone",
        "ListMonitoringSchedules": {"MonitoringScheduleSummaries": []},
        "DescribeScalableTargets": {"ScalableTargets": []},
        "DeletePipeline": "ResourceNotFound: gone",
    }
    code, out, _ = command("destroy", "demo", "--yes", "--json")
    assert (code, json.loads(out)["done"][-2].startswith("deleted project demo")) == (0, True)


def test_a_stack_that_can_not_go_stops_it_with_the_reason(aws, command, launched) -> None:
    failed = {"StackId": "s", "StackStatus": "DELETE_FAILED"}
    described = aws.answers["DescribeStacks"]
    aws.answers["DescribeStacks"] = lambda request: (
        {"Stacks": [failed]} if request["StackName"].endswith(("deploy-prod", "s")) else described(request)
    )
    aws.answers["DescribeStackEvents"] = {
        "StackEvents": [
            {
                "EventId": "1",
                "LogicalResourceId": "Endpoint",
                "ResourceType": "AWS::SageMaker::Endpoint",
                "ResourceStatus": "DELETE_FAILED",
                "ResourceStatusReason": "it is updating",
            }
        ]
    }
    code, _, err = command("destroy", "demo", "--yes")
    assert code == 1
    assert err.rstrip().endswith("could not be deleted: Endpoint (AWS::SageMaker::Endpoint): it is updating")
    assert aws.asked("DeleteProject") == []


def test_it_asks_first(aws, command, monkeypatch, launched) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    code, _, _ = command("destroy", "demo")
    assert code == 1
    assert aws.calls == []
