"""What jobs, endpoints and pipelines count towards which quota, by the requests that make them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from loopback.core.aws_warnings import AwsWarning
from loopback.core.errors import AccessDeniedException, ResourceLimitExceeded, ValidationException
from loopback.core.kinds import ENDPOINT, TRAINING_JOB
from loopback.core.quota_rules import QuotaRules
from loopback.services import registry
from loopback.services.sagemaker import endpoint_configs as _configs  # noqa: F401  # it registers itself
from loopback.services.sagemaker import endpoints as _endpoints  # noqa: F401  # it registers itself
from loopback.services.sagemaker.tuning import tuning_jobs as _tuning  # noqa: F401  # it registers itself

ROLE = "arn:aws:iam::000000000000:role/jobs"
REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
XGBOOST = f"{REGISTRY}/sagemaker-xgboost:3.2-0"
M5 = "ml.m5.xlarge for training job usage"
Told = dict[str, str]


def training(name: str = "t", count: int = 1, kind: str = "ml.m5.xlarge", **more: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://bucket/out"},
        "ResourceConfig": {"InstanceType": kind, "InstanceCount": count, "VolumeSizeInGB": 5},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    } | more


def processing(name: str = "p", count: int = 1, image: str = XGBOOST) -> dict[str, Any]:
    cluster = {"InstanceType": "ml.t3.medium", "InstanceCount": count, "VolumeSizeInGB": 5}
    return {
        "ProcessingJobName": name,
        "AppSpecification": {"ImageUri": image},
        "ProcessingResources": {"ClusterConfig": cluster},
        "RoleArn": ROLE,
    }


def tuning(parallel: int) -> dict[str, Any]:
    definition = {key: value for key, value in training(count=2).items() if key != "TrainingJobName"}
    return {
        "HyperParameterTuningJobName": "hpo",
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 4, "MaxParallelTrainingJobs": parallel},
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "validation:auc"},
            "ParameterRanges": {"ContinuousParameterRanges": [{"Name": "eta", "MinValue": "0", "MaxValue": "1"}]},
        },
        "TrainingJobDefinition": definition,
    }


class Account:
    """A context with rules, and all that it was warned of: subject and words."""

    def __init__(self, context: registry.Context, granted: Mapping[str, float], *, is_new: bool) -> None:
        self.told: Told = {}
        self.store = context.store
        rules = QuotaRules(granted, is_new, self._warn)
        self.context = replace(context, quotas=rules, is_new=is_new, warn=self._warn)

    def _warn(self, warning: AwsWarning) -> None:
        self.told[warning.subject] = warning.text

    def __call__(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        return registry.call("sagemaker", operation, request, self.context)

    def serve(self, name: str, count: int, kind: str = "ml.m5.large", **more: Any) -> None:
        """An endpoint of one variant that is in service."""
        self.configure(name, count, kind)
        self("CreateEndpoint", {"EndpointName": name, "EndpointConfigName": name, **more})
        pending = self.store.get(ENDPOINT, name).result["pending"]
        self.store.fire(ENDPOINT, name, "serve", {"serving": pending, "pending": None})

    def configure(self, name: str, count: int, kind: str = "ml.m5.large", **variant: Any) -> None:
        """A model and an endpoint configuration of it."""
        container = {"Image": XGBOOST, "ModelDataUrl": "s3://bucket/model.tar.gz"}
        self("CreateModel", {"ModelName": name, "PrimaryContainer": container, "ExecutionRoleArn": ROLE})
        instances = variant or {"InstanceType": kind, "InitialInstanceCount": count}
        given = {"VariantName": "AllTraffic", "ModelName": name, **instances}
        self("CreateEndpointConfig", {"EndpointConfigName": name, "ProductionVariants": [given]})


@pytest.fixture
def account(context: registry.Context, objects: Any) -> Callable[..., Account]:
    objects.buckets["bucket"]["model.tar.gz"] = b"x"
    return lambda granted=(), is_new=False: Account(context, dict(granted), is_new=is_new)


def test_an_account_that_may_have_more_is_told_and_not_refused(account: Callable[..., Account]) -> None:
    here = account()
    for number in range(5):
        here("CreateTrainingJob", training(f"t-{number}"))
    assert here.told[M5] == "5 instances at once; by default AWS gives 0 (2024-02-10)"
    assert here.told["Number of instances across all training jobs"].startswith("5 instances at once")


def test_a_type_that_the_operation_does_not_know_is_refused(account: Callable[..., Account]) -> None:
    """The words of aws-samples/aws-sagemaker-heart-disease-prediction#1; the enumeration is botocore's."""
    told = (
        r"1 validation error detected: Value 'ml.t2.medium' at 'resourceConfig.instanceType' failed to satisfy "
        r"constraint: Member must satisfy enum value set: \[.*ml\.m5\.xlarge.*\]"
    )
    with pytest.raises(ValidationException, match=told):
        account({"*": 9})("CreateTrainingJob", training(kind="ml.t2.medium"))


def test_what_has_ended_does_not_count(account: Callable[..., Account]) -> None:
    here = account({M5: 1})
    here("CreateTrainingJob", training("a"))
    with pytest.raises(ResourceLimitExceeded, match="is 1 Instances, with current utilization of 1 Instances and a re"):
        here("CreateTrainingJob", training("b"))
    for event in ("lease", "complete"):
        here.store.fire(TRAINING_JOB, "a", event)
    here("CreateTrainingJob", training("b"))
    assert [row.name for row in here.store.find(TRAINING_JOB)] == ["a", "b"]  # what was refused is not there


@pytest.mark.parametrize(
    ("operation", "request_", "name"),
    [
        ("CreateTrainingJob", training(), f"'{M5}' is 0"),
        ("CreateProcessingJob", processing(count=5), "'ml.t3.medium for processing job usage' is 4"),
        ("CreateHyperParameterTuningJob", tuning(2), f"'{M5}' is 0 Instances, .* request delta of 4 Instances"),
        (
            "CreateTrainingJob",
            training(
                kind="ml.m5.4xlarge",
                count=3,
                EnableManagedSpotTraining=True,
                StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60},
            ),
            "'ml.m5.4xlarge for spot training job usage' is 2",
        ),
        (
            "CreateTrainingJob",
            training(
                ResourceConfig={
                    "InstanceGroups": [
                        {"InstanceGroupName": "a", "InstanceType": "ml.c5.xlarge", "InstanceCount": 1},
                    ],
                    "VolumeSizeInGB": 5,
                }
            ),
            "'ml.c5.xlarge for training job usage' is 0",
        ),
        (
            "CreateTrainingJob",
            training(kind="ml.m7i.large", StoppingCondition={"MaxRuntimeInSeconds": 432_001}),
            "'Longest run time for a training job' is 432000 Seconds",
        ),
    ],
)
def test_a_new_account_is_refused(
    account: Callable[..., Account], operation: str, request_: dict[str, Any], name: str
) -> None:
    with pytest.raises(ResourceLimitExceeded, match=name):
        account(is_new=True)(operation, request_)


def test_a_new_account_may_have_what_it_was_granted(account: Callable[..., Account]) -> None:
    here = account({"ml.m5.*": 4, "Number of instances *": 4}, is_new=True)
    here("CreateTrainingJob", training(count=4))
    with pytest.raises(ResourceLimitExceeded, match=r"ml\.m5\.xlarge for training"):
        here("CreateTrainingJob", training("more"))


def test_a_type_whose_default_is_not_known_is_told(account: Callable[..., Account]) -> None:
    here = account(is_new=True)
    here("CreateTrainingJob", training(kind="ml.m7i.large"))
    assert here.told == {
        "ml.m7i.large for training job usage": "1 instances at once; which quota AWS gives by default is not known"
    }


def test_both_fleets_of_a_deployment_count(account: Callable[..., Account]) -> None:
    here = account({"ml.m5.large for endpoint usage": 3})
    here.serve("a", 2)
    here.configure("b", 2)
    with pytest.raises(ResourceLimitExceeded, match=r"utilization of 2 Instances and a request delta of 2 Instances"):
        here("UpdateEndpoint", {"EndpointName": "a", "EndpointConfigName": "b"})
    batch = {"MaximumBatchSize": {"Type": "CAPACITY_PERCENT", "Value": 50}, "WaitIntervalInSeconds": 0}
    rolling = {"RollingUpdatePolicy": batch}
    here("UpdateEndpoint", {"EndpointName": "a", "EndpointConfigName": "b", "DeploymentConfig": rolling})


def test_instances_that_are_added_count_alone(account: Callable[..., Account]) -> None:
    here = account({"ml.m5.large for endpoint usage": 3})
    here.serve("a", 2)

    def resize(count: int) -> None:
        wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": count}]
        here("UpdateEndpointWeightsAndCapacities", {"EndpointName": "a", "DesiredWeightsAndCapacities": wanted})

    with pytest.raises(ResourceLimitExceeded, match="request delta of 2 Instances"):
        resize(4)
    resize(3)


def test_serverless_endpoints_have_no_instances(account: Callable[..., Account]) -> None:
    here = account(is_new=True)
    here.configure("a", 0, ServerlessConfig={"MemorySizeInMB": 2048, "MaxConcurrency": 20})
    with pytest.raises(ResourceLimitExceeded, match=r"total concurrency .* is 10 Concurrent invocations"):
        here("CreateEndpoint", {"EndpointName": "a", "EndpointConfigName": "a"})
    here.configure("b", 0, ServerlessConfig={"MemorySizeInMB": 2048, "MaxConcurrency": 10})
    here("CreateEndpoint", {"EndpointName": "b", "EndpointConfigName": "b"})


def test_a_serverless_endpoint_counts_once(account: Callable[..., Account]) -> None:
    here = account({"Maximum number of serverless endpoints": 1, "Maximum total concurrency*": 10})
    serverless = {"ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 10}}
    for name in ("a", "b"):
        here.configure(name, 0, **serverless)
    here("CreateEndpoint", {"EndpointName": "a", "EndpointConfigName": "a"})
    pending = here.store.get(ENDPOINT, "a").result["pending"]
    here.store.fire(ENDPOINT, "a", "serve", {"serving": pending, "pending": None})
    here("UpdateEndpoint", {"EndpointName": "a", "EndpointConfigName": "b"})
    with pytest.raises(ResourceLimitExceeded, match="'Maximum number of serverless endpoints' is 1 Endpoints"):
        here("CreateEndpoint", {"EndpointName": "c", "EndpointConfigName": "b"})


def test_what_has_failed_does_not_count(account: Callable[..., Account]) -> None:
    here = account({"ml.m5.large for endpoint usage": 1})
    here.configure("a", 1)
    here("CreateEndpoint", {"EndpointName": "a", "EndpointConfigName": "a"})
    here.store.fire(ENDPOINT, "a", "fail")
    here("CreateEndpoint", {"EndpointName": "b", "EndpointConfigName": "a"})


def test_a_training_longer_than_the_longest_is_told(account: Callable[..., Account]) -> None:
    here = account({"ml.*": 4})
    here("CreateTrainingJob", training(StoppingCondition={"MaxRuntimeInSeconds": 500_000}))
    assert here.told == {
        "Longest run time for a training job": "500000 seconds; by default AWS gives 432000 (2024-02-10)"
    }


def test_executions_and_groups_count(account: Callable[..., Account]) -> None:
    here = account({"Maximum number of concurrent*": 1, "Maximum number of SageMaker Model Package Groups*": 0})
    step = {"Name": "No", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}
    definition = json.dumps({"Version": "2020-12-01", "Parameters": [], "Steps": [step]})
    token = {"ClientRequestToken": "x" * 32}
    here("CreatePipeline", {"PipelineName": "p", "PipelineDefinition": definition, "RoleArn": ROLE, **token})
    here("StartPipelineExecution", {"PipelineName": "p", **token})
    here("StartPipelineExecution", {"PipelineName": "p", **token})  # the same one
    with pytest.raises(ResourceLimitExceeded, match="is 1 Pipeline executions, with current utilization of 1"):
        here("StartPipelineExecution", {"PipelineName": "p", "ClientRequestToken": "y" * 32})
    with pytest.raises(ResourceLimitExceeded, match="is 0 Model Package Groups"):
        here("CreateModelPackageGroup", {"ModelPackageGroupName": "g"})


def test_images_that_are_not_patched_are_told(account: Callable[..., Account]) -> None:
    here = account()
    here("CreateProcessingJob", processing(image=f"{REGISTRY}/sagemaker-scikit-learn:0.23-1-cpu-py3"))
    here("CreateTrainingJob", training(AlgorithmSpecification={"TrainingImage": OLD, "TrainingInputMode": "File"}))
    container = {"Image": f"{REGISTRY}/sagemaker-xgboost:1.5-1", "ModelDataUrl": "s3://bucket/model.tar.gz"}
    here("CreateModel", {"ModelName": "m", "PrimaryContainer": container, "ExecutionRoleArn": ROLE})
    assert {name for name in here.told if ":" in name} == {
        "sagemaker-scikit-learn:0.23-1",
        "sagemaker-xgboost:1.7-1",
        "sagemaker-xgboost:1.5-1",
    }


OLD = f"{REGISTRY}/sagemaker-xgboost:1.7-1"
RULE = {"RuleConfigurationName": "loss", "RuleEvaluatorImage": f"{REGISTRY}/sagemaker-debugger-rules:latest"}


def test_services_that_are_closed_are_told_or_refused(account: Callable[..., Account]) -> None:
    here, new = account(), account({"*": 9}, is_new=True)
    here("CreateTrainingJob", training(DebugRuleConfigurations=[RULE]))
    assert here.told["SageMaker Debugger"].startswith("it is closed to new customers")
    with pytest.raises(AccessDeniedException, match="SageMaker Debugger is no longer open to new customers"):
        new("CreateTrainingJob", training("other", DebugRuleConfigurations=[RULE]))


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        ("Boto3/1.43 md/Botocore lib/AWS-SageMaker-Python-SDK/2.257.7", True),
        ("AWS-SageMaker-Python-SDK/3.27.0 Boto3/1.43", False),
        ("Boto3/1.43", False),
    ],
)
def test_version_2_of_the_sdk_is_told(account: Callable[..., Account], agent: str, told: bool) -> None:
    here = account()
    headers = {"x-amz-target": "SageMaker.ListModels", "user-agent": agent}
    assert registry.answer("sagemaker", headers, b"{}", here.context)[0] == 200
    assert list(here.told) == (["SageMaker Python SDK 2"] if told else [])
