"""The template's roles, each with no more than it has: the whole loop with IAM enforced, and what one gap does."""

import contextlib
import fnmatch
import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.journeys.conftest import until
from tests.journeys.granted import Site
from tests.journeys.launched import launched

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOPBACK_IAM", "enforce")
        with launched(tmp_path_factory.mktemp("iam")) as mill:
            yield Site(mill)


def test_the_whole_loop_passes_with_its_own_roles(site: Site) -> None:
    assert (site.mill.serves("staging"), site.mill.serves("prod")) == (1, 1)
    for pipeline in (site.project.build, site.project.deploy):
        assert "Succeeded" in {execution["status"] for execution in site.executions(pipeline)}
    with pytest.raises(ClientError, match="UnrecognizedClientException"):  # it is enforced: nobody else gets in
        boto3.client(
            "sagemaker-runtime",
            endpoint_url=f"http://127.0.0.1:{site.mill.loopback.port}",
            region_name="us-east-1",
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="x",
        ).invoke_endpoint(EndpointName=site.project.endpoint("staging"), Body=b"[]")


def _start(site: Site) -> None:
    name = site.client("sagemaker").list_pipelines()["PipelineSummaries"][0]["PipelineName"]
    unknown = [{"Name": "NoSuchParameter", "Value": "1"}]
    site.acting("build", "sagemaker").start_pipeline_execution(PipelineName=name, PipelineParameters=unknown)


def _hand_over(site: Site) -> None:
    name = site.client("sagemaker").list_pipelines()["PipelineSummaries"][0]["PipelineName"]
    role = site.account + site.role("pipeline")
    site.acting("build", "sagemaker").update_pipeline(PipelineName=name, PipelineDefinition="{}", RoleArn=role)


def _read(site: Site) -> None:
    site.acting("pipeline", "s3").get_object(Bucket=site.project.bucket, Key="data/none.csv")


def _configure(site: Site) -> None:
    variant = {"VariantName": "v", "ModelName": "none", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    client = site.acting("cloudformation", "sagemaker")
    client.create_endpoint_config(EndpointConfigName="story", ProductionVariants=[variant])


def _record(site: Site) -> None:
    arn = f"{site.mill.arn(1).rpartition('/')[0]}/99"
    site.acting("promotion", "sagemaker").update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected")


def _invoke(site: Site) -> None:
    client = site.acting("deploybuild", "sagemaker-runtime")
    client.invoke_endpoint(EndpointName=site.project.endpoint("staging"), Body=b"{", ContentType="application/json")


@pytest.mark.parametrize(
    ("role", "action", "act"),
    [
        ("build", "sagemaker:StartPipelineExecution", _start),
        ("build", "iam:PassRole", _hand_over),
        ("pipeline", "s3:GetObject", _read),
        ("cloudformation", "sagemaker:CreateEndpointConfig", _configure),
        ("promotion", "sagemaker:UpdateModelPackage", _record),
        ("deploybuild", "sagemaker:InvokeEndpoint", _invoke),
    ],
)
def test_a_role_that_lacks_an_action_is_refused_it(
    site: Site, role: str, action: str, act: Callable[[Site], None]
) -> None:
    """Each call is one that fails behind the door of IAM: with the permission for what it asks, without for asking."""
    with pytest.raises(ClientError) as allowed:
        act(site)
    assert "AccessDenied" not in str(allowed.value)
    with site.without(role, action), pytest.raises(ClientError) as denied:
        act(site)
    assert denied.value.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")
    site.refuses(str(denied.value), role, action)


def test_a_role_is_allowed_its_own_resources_only(site: Site) -> None:
    with pytest.raises(ClientError, match="not authorized to perform: sagemaker:DeleteEndpoint"):
        site.acting("cloudformation", "sagemaker").delete_endpoint(EndpointName="of-another-project")
    with pytest.raises(ClientError, match="not authorized to perform: sagemaker:InvokeEndpoint "):
        site.acting("deploybuild", "sagemaker-runtime").invoke_endpoint(EndpointName="of-another", Body=b"1")
    with pytest.raises(ClientError, match="not authorized to perform: iam:PassRole"):
        site.acting("cloudformation", "sagemaker").create_model(
            ModelName="story", ExecutionRoleArn=site.account + site.role("codepipeline")
        )


def test_codepipeline_starts_builds_with_the_pipelines_role(site: Site) -> None:
    client, pipeline = site.client("codepipeline"), site.project.build
    with site.without("codepipeline", "codebuild:StartBuild"):
        execution = client.start_pipeline_execution(name=pipeline)["pipelineExecutionId"]
        found = until(lambda: _failed(client, pipeline, execution), 20)
    assert (found["actionName"], found["output"]["executionResult"]["errorDetails"]["code"]) == (
        "Build",
        "PermissionError",
    )
    site.refuses(found["output"]["executionResult"]["errorDetails"]["message"], "codepipeline", "codebuild:StartBuild")


def _failed(client: Any, pipeline: str, execution: str) -> dict[str, Any] | None:
    wanted = {"pipelineExecutionId": execution}
    found = client.list_action_executions(pipelineName=pipeline, filter=wanted)["actionExecutionDetails"]
    return next((each for each in found if each["status"] == "Failed"), None)


def test_a_job_reads_its_inputs_with_its_role(site: Site) -> None:
    sagemaker = site.client("sagemaker")
    name = f"{site.project.name}-churn"
    with site.without("pipeline", "s3:GetObject"):
        arn = sagemaker.start_pipeline_execution(PipelineName=name)["PipelineExecutionArn"]
        until(
            lambda: (
                sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)["PipelineExecutionStatus"] == "Failed"
            ),
            30,
        )
    steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    reason = next(step["FailureReason"] for step in steps if step["StepStatus"] == "Failed")
    site.refuses(reason, "pipeline", "s3:GetObject")


def test_an_instance_reads_its_model_with_the_models_role(site: Site) -> None:
    sagemaker = site.client("sagemaker")
    config = sagemaker.describe_endpoint(EndpointName=site.project.endpoint("staging"))["EndpointConfigName"]
    with site.without("model", "s3:GetObject"):
        sagemaker.create_endpoint(EndpointName="story", EndpointConfigName=config)
        found = until(lambda: _settled(sagemaker, "story"), 30)
    assert found["EndpointStatus"] == "Failed"
    site.refuses(found["FailureReason"], "model", "s3:GetObject")
    sagemaker.delete_endpoint(EndpointName="story")


def _settled(sagemaker: Any, name: str) -> dict[str, Any] | None:
    found: dict[str, Any] = sagemaker.describe_endpoint(EndpointName=name)
    return None if found["EndpointStatus"] == "Creating" else found


def test_a_stack_is_made_and_deleted_with_the_role_that_it_was_given(site: Site) -> None:
    sagemaker, stacks = site.client("sagemaker"), site.client("cloudformation")
    model = sagemaker.list_models()["Models"][0]["ModelName"]
    variant = {"VariantName": "v", "ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    config = {"Type": "AWS::SageMaker::EndpointConfig", "Properties": {"ProductionVariants": [variant]}}
    rule = {"Type": "AWS::Events::Rule", "Properties": {"Name": "foreign", "ScheduleExpression": "rate(1 day)"}}
    role = site.account + site.role("cloudformation")

    def made(name: str, **resources: Any) -> str:
        stacks.create_stack(StackName=name, RoleARN=role, TemplateBody=json.dumps({"Resources": resources}))
        return _reasons(stacks, name)

    with site.without("cloudformation", "sagemaker:CreateEndpointConfig"):
        site.refuses(made("story-1", Config=config), "cloudformation", "sagemaker:CreateEndpointConfig")
    site.refuses(made("story-2", Rule=rule), "cloudformation", "events:PutRule")  # another project's name
    assert made("story-3", Config=config) == ""
    with site.without("cloudformation", "sagemaker:DeleteEndpointConfig"):
        stacks.delete_stack(StackName="story-3")
        site.refuses(_reasons(stacks, "story-3"), "cloudformation", "sagemaker:DeleteEndpointConfig")
    stacks.delete_stack(StackName="story-3")


def _reasons(stacks: Any, name: str) -> str:
    """Why resources of a stack failed, once nothing goes on with it any more."""
    until(lambda: not _status(stacks, name).endswith("_IN_PROGRESS"), 20, lambda: _status(stacks, name))
    events = stacks.describe_stack_events(StackName=name)["StackEvents"]
    return " ".join(
        event.get("ResourceStatusReason", "") for event in events if event["ResourceStatus"].endswith("_FAILED")
    )


def _status(stacks: Any, name: str) -> str:
    return str(stacks.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])


def test_a_rule_calls_no_function_whose_policy_does_not_let_it(site: Site) -> None:
    client, function = site.client("lambda"), f"sagemaker-{site.project.id}-start"
    policy = json.loads(client.get_policy(FunctionName=function)["Policy"])
    number, log = site.mill.registered(), site.mill.loopback.state / "loopback.log"
    before = len(site.executions(site.project.deploy))
    for statement in policy["Statement"]:
        client.remove_permission(FunctionName=function, StatementId=statement["Sid"])
    site.mill.approve(number)
    until(lambda: "perform: lambda:InvokeFunction on resource" in log.read_text(), 10)
    assert len(site.executions(site.project.deploy)) == before
    for statement in policy["Statement"]:
        source = statement["Condition"]["ArnLike"]["AWS:SourceArn"]
        client.add_permission(
            FunctionName=function,
            StatementId=statement["Sid"],
            Action=statement["Action"],
            Principal=statement["Principal"]["Service"],
            SourceArn=source,
        )
    site.mill.decide(number, "Rejected")


def test_credentials_outlive_a_restart(site: Site) -> None:
    client = site.acting("deploybuild", "sagemaker-runtime")
    site.mill.loopback.down()
    assert site.mill.loopback.up().returncode == 0

    def answers() -> bool:
        with contextlib.suppress(client.exceptions.ServiceUnavailable, client.exceptions.ValidationError):
            client.invoke_endpoint(
                EndpointName=site.project.endpoint("staging"), Body=site.mill.row(), ContentType="application/json"
            )
            return True
        return False

    until(answers, 20)


def test_a_rule_starts_nothing_without_its_role(site: Site) -> None:
    """Last: what it starts in the end goes on for a while."""
    s3, pipeline = site.client("s3"), site.project.build
    before = len(site.executions(pipeline))
    log = site.mill.loopback.state / "loopback.log"
    with site.without("events", "codepipeline:StartPipelineExecution"):
        s3.put_object(Bucket=site.project.bucket, Key="data/other/rows.csv", Body=b"1\n")
        until(lambda: "codepipeline:StartPipelineExecution" in log.read_text(), 10)
    assert len(site.executions(pipeline)) == before
    site.refuses(log.read_text(), "events", "codepipeline:StartPipelineExecution")
    s3.put_object(Bucket=site.project.bucket, Key="data/other/rows.csv", Body=b"2\n")
    until(lambda: len(site.executions(pipeline)) == before + 1, 10)


# The statements that nothing here can ask for, as role/Sid, and why they stand in the template all the same.
UNASKED = {
    "AWS writes logs, metrics, captures and answers with the role": (
        "*/Logs */JobLogs */EndpointLogs */JobMetrics */EndpointMetrics"
        " model/CapturedRequestsAndAsynchronousAnswers model/AsynchronousAnswers"
    ),
    "nothing is encrypted here": "*/ArtifactKey */Volumes */EndpointKey */EndpointVolumes notify/ProjectKey",
    "no image is pulled, no machine stands in a network": "*/ImageToken */Images */Network */NetworkInterfaces",
    "AWS lists and validates before it reads": "codepipeline/ArtifactList codepipeline/Templates model/ArtifactList",
    "CloudFormation looks up more than it makes": "cloudformation/Versions cloudformation/ScalingRole",
    "only after a job has failed": "build/WhyAJobFailed",
    "only after a test of staging has failed": "notify/WhichTestsFailed",
    "only where the version that was approved is not the one that is to be deployed": "promotion/WhetherItIsARollback",
    "only where config.yml or a stage asks for bias or explanations": "*/ShadowEndpoints */ShadowedModels",
    "only where a stage's monitors are Model Monitor's": "watch/Executions",
    "AWS reads a pipeline's definition for whoever makes the pipeline": "cloudformation/MonitorDefinitions",
}
# Asked for when a monitor's hour comes, which may be while these stories run.
AT_A_QUARTER_PAST = ("schedule/Monitors", "watch/ExitMessages", "watch/Metrics")


def test_every_statement_is_asked_for_or_has_its_reason(site: Site) -> None:
    """After everything else: what no story has asked for by now has no business in the template."""
    site.mill.slipway("traffic", "prod", "--rate", "0", "--seconds", "5")
    site.mill.slipway("monitor", "run", "prod", "--hours", "0")
    for function in ("watch", "retrain"):
        site.client("lambda").invoke(FunctionName=f"{site.project.name}-prod-{function}")
    site.client("s3").put_object(Bucket=site.project.bucket, Key="data/other/rows.csv", Body=b"3\n")
    until(lambda: "events/Build" not in site.unasked(), 10)
    unasked = [each for each in site.unasked() if each not in AT_A_QUARTER_PAST]
    patterns = " ".join(UNASKED.values()).split()
    assert [each for each in unasked if not any(fnmatch.fnmatch(each, pattern) for pattern in patterns)] == []
    assert [pattern for pattern in patterns if not fnmatch.filter(unasked, pattern)] == []  # a reason for nothing
