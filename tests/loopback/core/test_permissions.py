"""What IAM is asked for, from requests alone."""

from typing import Any

import pytest

from loopback.core.arn import Place
from loopback.core.permissions import PermissionCheck, checks, invocation
from loopback.core.stack_permissions import stack_checks

PLACE = Place("111122223333", "eu-west-1")
SAGEMAKER = "arn:aws:sagemaker:eu-west-1:111122223333:"
EXECUTION = f"{SAGEMAKER}pipeline/p/execution/e1"
ROLE = "arn:aws:iam::111122223333:role/r"


@pytest.mark.parametrize(
    ("operation", "request_", "expected"),
    [
        (
            "CreateEndpoint",
            {"EndpointName": "Mill-Prod", "EndpointConfigName": "C"},
            ["endpoint/mill-prod", "endpoint-config/C"],
        ),
        ("DescribeEndpoint", {"EndpointName": "mill"}, ["endpoint/mill"]),
        ("CreateEndpointConfig", {"EndpointConfigName": "c"}, ["endpoint-config/c"]),
        ("CreateProcessingJob", {"ProcessingJobName": "pipelines-1-a"}, ["processing-job/pipelines-1-a"]),
        ("StopTrainingJob", {"TrainingJobName": "t"}, ["training-job/t"]),
        ("CreateDataQualityJobDefinition", {"JobDefinitionName": "d"}, ["data-quality-job-definition/d"]),
        ("StartMonitoringSchedule", {"MonitoringScheduleName": "s"}, ["monitoring-schedule/s"]),
        ("CreateModelPackageGroup", {"ModelPackageGroupName": "g"}, ["model-package-group/g"]),
        ("CreateModelPackage", {"ModelPackageGroupName": "g"}, ["model-package/g/*", "model-package-group/g"]),
        (
            "CreateModelPackage",
            {"ModelPackageGroupName": f"{SAGEMAKER}model-package-group/g"},
            ["model-package/g/*", "model-package-group/g"],
        ),
        ("UpdateModelPackage", {"ModelPackageArn": f"{SAGEMAKER}model-package/g/3"}, ["model-package/g/3"]),
        ("DescribeModelPackage", {"ModelPackageName": f"{SAGEMAKER}model-package/g/3"}, ["model-package/g/3"]),
        ("ListModelPackages", {"ModelPackageGroupName": "g"}, ["model-package/g/*"]),
        ("StartPipelineExecution", {"PipelineName": "p"}, ["pipeline/p"]),
        ("ListPipelineExecutionSteps", {"PipelineExecutionArn": EXECUTION}, ["pipeline/p/execution/e1"]),
        ("AddTags", {"ResourceArn": f"{SAGEMAKER}model/m"}, ["model/m"]),
        ("DescribeTrialComponent", {"TrialComponentName": "c"}, ["experiment-trial-component/c"]),
        ("CreateHyperParameterTuningJob", {"HyperParameterTuningJobName": "h"}, ["hyper-parameter-tuning-job/h"]),
    ],
)
def test_a_sagemaker_operation_is_asked_for_what_it_names(
    operation: str, request_: dict[str, Any], expected: list[str]
) -> None:
    found = checks("sagemaker", operation, request_, PLACE)
    assert [check.resource for check in found] == [SAGEMAKER + resource for resource in expected]
    assert {check.action for check in found} == {f"sagemaker:{operation}"}


@pytest.mark.parametrize(
    ("service", "operation", "request_", "expected"),
    [
        ("sagemaker", "ListEndpoints", {}, ["*"]),
        ("sagemaker", "Search", {"Resource": "Endpoint"}, ["*"]),
        ("sagemaker", "DescribeEndpoint", {}, ["*"]),
        ("codepipeline", "StartPipelineExecution", {"name": "p"}, ["arn:aws:codepipeline:eu-west-1:111122223333:p"]),
        (
            "codepipeline",
            "CreatePipeline",
            {"pipeline": {"name": "p"}},
            ["arn:aws:codepipeline:eu-west-1:111122223333:p"],
        ),
        (
            "codepipeline",
            "PutApprovalResult",
            {"pipelineName": "p", "stageName": "s", "actionName": "a"},
            ["arn:aws:codepipeline:eu-west-1:111122223333:p/s/a"],
        ),
        (
            "codepipeline",
            "RollbackStage",
            {"pipelineName": "p", "stageName": "s"},
            ["arn:aws:codepipeline:eu-west-1:111122223333:p/s"],
        ),
        ("codepipeline", "PutJobSuccessResult", {"jobId": "j"}, ["*"]),
        ("codebuild", "StartBuild", {"projectName": "b"}, ["arn:aws:codebuild:eu-west-1:111122223333:project/b"]),
        (
            "codebuild",
            "BatchGetBuilds",
            {"ids": ["b:1", "c:2"]},
            [f"arn:aws:codebuild:eu-west-1:111122223333:project/{name}" for name in "bc"],
        ),
        (
            "codebuild",
            "DescribeTestCases",
            {"reportArn": "arn:aws:codebuild:eu-west-1:111122223333:report/b-tests:1"},
            ["arn:aws:codebuild:eu-west-1:111122223333:report-group/b-tests"],
        ),
        (
            "application-autoscaling",
            "RegisterScalableTarget",
            {"ResourceId": "endpoint/e/variant/v"},
            ["arn:aws:application-autoscaling:eu-west-1:111122223333:scalable-target/*"],
        ),
        ("application-autoscaling", "DescribeScalableTargets", {}, ["*"]),
        ("codecommit", "GetBranch", {"repositoryName": "r"}, ["arn:aws:codecommit:eu-west-1:111122223333:r"]),
        (
            "codeconnections",
            "GetConnection",
            {"ConnectionArn": "arn:aws:codeconnections:x"},
            ["arn:aws:codeconnections:x"],
        ),
        (
            "servicecatalog",
            "ProvisionProduct",
            {"ProductId": "p"},
            ["arn:aws:catalog:eu-west-1:111122223333:product/p"],
        ),
    ],
)
def test_the_other_services_too(service: str, operation: str, request_: dict[str, Any], expected: list[str]) -> None:
    assert [check.resource for check in checks(service, operation, request_, PLACE)] == expected


@pytest.mark.parametrize(
    ("service", "operation", "request_", "principal"),
    [
        ("sagemaker", "CreatePipeline", {"PipelineName": "p", "RoleArn": ROLE}, "sagemaker.amazonaws.com"),
        ("sagemaker", "CreateModel", {"ModelName": "m", "ExecutionRoleArn": ROLE}, "sagemaker.amazonaws.com"),
        (
            "sagemaker",
            "CreateMonitoringSchedule",
            {"MonitoringScheduleConfig": {"MonitoringJobDefinition": {"RoleArn": ROLE}}},
            "sagemaker.amazonaws.com",
        ),
        ("codebuild", "CreateProject", {"name": "b", "serviceRole": ROLE}, "codebuild.amazonaws.com"),
        ("codepipeline", "CreatePipeline", {"pipeline": {"roleArn": ROLE}}, "codepipeline.amazonaws.com"),
    ],
)
def test_who_hands_out_a_role_must_be_allowed_to(
    service: str, operation: str, request_: dict[str, Any], principal: str
) -> None:
    asked = checks(service, operation, request_, PLACE)
    assert asked[-1] == PermissionCheck("iam:PassRole", ROLE, {"iam:passedtoservice": principal})


def test_tags_at_creation_are_a_permission_of_their_own() -> None:
    asked = checks("sagemaker", "CreateModel", {"ModelName": "m", "Tags": [{"Key": "k", "Value": "v"}]}, PLACE)
    assert asked[-1] == PermissionCheck("sagemaker:AddTags", f"{SAGEMAKER}model/m")
    assert len(checks("sagemaker", "CreateModel", {"ModelName": "m", "Tags": []}, PLACE)) == 1


@pytest.mark.parametrize(
    ("path", "action"),
    [
        ("invocations", "sagemaker:InvokeEndpoint"),
        ("async-invocations", "sagemaker:InvokeEndpointAsync"),
        ("invocations-response-stream", "sagemaker:InvokeEndpointWithResponseStream"),
    ],
)
def test_an_invocation_is_asked_for_its_endpoint(path: str, action: str) -> None:
    assert invocation(PLACE, "POST", f"/endpoints/Mill/{path}") == PermissionCheck(action, f"{SAGEMAKER}endpoint/mill")
    assert invocation(PLACE, "GET", f"/endpoints/Mill/{path}") is None


@pytest.mark.parametrize(
    ("verb", "kind", "properties", "expected"),
    [
        (
            "create",
            "AWS::Events::Rule",
            {"Name": "n"},
            ("events:PutRule", "arn:aws:events:eu-west-1:111122223333:rule/n"),
        ),
        ("create", "AWS::S3::Bucket", {"BucketName": "b"}, ("s3:CreateBucket", "arn:aws:s3:::b")),
        (
            "create",
            "AWS::SSM::Parameter",
            {"Name": "/x"},  # its ARN has one slash
            ("ssm:PutParameter", "arn:aws:ssm:eu-west-1:111122223333:parameter/x"),
        ),
        ("create", "AWS::KMS::Key", {}, ("kms:CreateKey", "*")),
        ("delete", "AWS::IAM::Role", {"RoleName": "r"}, ("iam:DeleteRole", ROLE)),
        (
            "update",
            "AWS::CloudWatch::Dashboard",
            {"DashboardName": "d"},
            ("cloudwatch:PutDashboard", "arn:aws:cloudwatch::111122223333:dashboard/d"),
        ),
    ],
)
def test_a_stack_makes_other_services_things_with_their_actions(
    verb: str, kind: str, properties: dict[str, Any], expected: tuple[str, str]
) -> None:
    (asked,) = stack_checks(verb, kind, properties, "", PLACE)
    assert (asked.action, asked.resource) == expected


def test_a_stack_that_hands_roles_to_its_rules_and_functions_must_be_allowed_to() -> None:
    rule = stack_checks("create", "AWS::Events::Rule", {"Name": "n", "Targets": [{"RoleArn": ROLE}]}, "", PLACE)
    function = stack_checks("create", "AWS::Lambda::Function", {"FunctionName": "f", "Role": ROLE}, "", PLACE)
    assert [asked[-1].context["iam:passedtoservice"] for asked in (rule, function)] == [
        "events.amazonaws.com",
        "lambda.amazonaws.com",
    ]
    assert stack_checks("create", "AWS::StepFunctions::Activity", {"Name": "x"}, "", PLACE) == []
