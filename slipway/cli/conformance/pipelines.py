"""Questions to SageMaker: its pipelines, Search, and Model Monitor."""

import json
import time
from functools import partial
from typing import Any

from slipway.cli import aws_images
from slipway.cli.conformance.calls import Calls
from slipway.cli.conformance.delivery import make_role, refuses
from slipway.cli.conformance.rows import Finding, NotAsked, Undo
from slipway.cli.doctor import XGBOOST

SECONDS = 300.0
PROBE_TYPE = "ml.t3.medium"
NEVER = {"Type": "Equals", "LeftValue": "a", "RightValue": "b"}
ENDED = ("Succeeded", "Failed", "Stopped")


def ask_join_of_a_property_file(calls: Calls) -> Finding:
    """Make a pipeline whose Fail step says Std:JsonGet within Std:Join."""
    image = _xgboost(calls)
    look = _processing(image, "arn:aws:iam::123456789012:role/never-run", {})
    look["PropertyFiles"] = [{"PropertyFileName": "Told", "OutputName": "told", "FilePath": "told.json"}]
    told = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Look.PropertyFiles.Told"}, "Path": "why"}}
    failing = {
        "Name": "Say",
        "Type": "Fail",
        "Arguments": {"ErrorMessage": {"Std:Join": {"On": " ", "Values": ["because", told]}}},
    }
    choosing = {
        "Name": "Choose",
        "Type": "Condition",
        "DependsOn": ["Look"],
        "Arguments": {"Conditions": [NEVER], "IfSteps": [failing], "ElseSteps": []},
    }
    return _takes(calls, "join", [look, choosing])


def ask_nested_conditions(calls: Calls) -> Finding:
    """Make a pipeline with a Condition step within a Condition step."""
    inner = {
        "Name": "Inner",
        "Type": "Condition",
        "Arguments": {"Conditions": [NEVER], "IfSteps": [], "ElseSteps": [_fail("Deep")]},
    }
    outer = {
        "Name": "Outer",
        "Type": "Condition",
        "Arguments": {"Conditions": [NEVER], "IfSteps": [inner], "ElseSteps": []},
    }
    return _takes(calls, "nested", [outer])


def ask_name_of_an_endpoint_config(calls: Calls) -> Finding:
    """Run an EndpointConfig step twice: does the first keep the name it is given, and what becomes of the second?

    An endpoint configuration alone runs nothing, and is not billed.
    """
    given = f"{calls.prefix}-config"
    region, account = calls.target.region, calls.ask("sts", "get_caller_identity")["Account"]
    own = [f"arn:*:sagemaker:{region}:{account}:{kind}/*" for kind in ("endpoint-config", "model")]
    allowed = {
        "Effect": "Allow",
        # The names of configurations are what is asked: "*" stands for those that a pipeline may invent.
        "Action": ["sagemaker:CreateEndpointConfig", "sagemaker:DescribeEndpointConfig", "sagemaker:AddTags"],
        "Resource": own,
    }
    role = make_role(calls, "config", {"Service": "sagemaker.amazonaws.com"}, [allowed])
    model = f"{calls.prefix}-model"
    _once_assumable(
        calls,
        Undo("sagemaker", "delete_model", {"ModelName": model}),
        "create_model",
        ModelName=model,
        PrimaryContainer={"Image": _xgboost(calls)},
        ExecutionRoleArn=role,
    )
    variant = {"VariantName": "one", "ModelName": model, "InstanceType": "ml.t2.medium", "InitialInstanceCount": 1}
    step = {
        "Name": "Configure",
        "Type": "EndpointConfig",
        "Arguments": {"EndpointConfigName": given, "ProductionVariants": [variant]},
    }
    name = _make_pipeline(calls, "config", [step], role)
    calls.adopt(Undo("sagemaker", "delete_endpoint_config", {"EndpointConfigName": given}))
    first, second = _run(calls, name), _run(calls, name)
    if first["StepStatus"] != "Succeeded":
        return Finding("fails", first.get("FailureReason", ""))
    made = first.get("Metadata", {}).get("EndpointConfig", {}).get("Arn", "").rpartition("/")[2] or given
    for run in (first, second):
        if arn := run.get("Metadata", {}).get("EndpointConfig", {}).get("Arn", ""):
            calls.adopt(Undo("sagemaker", "delete_endpoint_config", {"EndpointConfigName": arn.rpartition("/")[2]}))
    told = (
        f"first: {made!r} for {given!r}; second run: {second['StepStatus']} {second.get('FailureReason', '')}".strip()
    )
    kept = "kept" if made == given else "replaced"
    return Finding(f"{kept}, a second one {'made' if second['StepStatus'] == 'Succeeded' else 'fails'}", told)


def ask_start_time_of_an_execution(calls: Calls) -> Finding:
    """Start a job with Execution.StartDateTime in its environment, read what it says, and stop the job."""
    region, account = calls.target.region, calls.ask("sts", "get_caller_identity")["Account"]
    name = f"{calls.prefix}-start"
    allowed: list[dict[str, Any]] = [
        {
            "Effect": "Allow",
            "Action": [
                "sagemaker:CreateProcessingJob",
                "sagemaker:DescribeProcessingJob",
                "sagemaker:StopProcessingJob",
            ],
            "Resource": f"arn:*:sagemaker:{region}:{account}:processing-job/*",  # a pipeline names its jobs itself
        },
        {"Effect": "Allow", "Action": "sagemaker:AddTags", "Resource": f"arn:*:sagemaker:{region}:{account}:*"},
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": f"arn:*:iam::{account}:role/{name}"},
    ]
    role = make_role(calls, "start", {"Service": "sagemaker.amazonaws.com"}, allowed)
    started = _processing(_xgboost(calls), role, {"STARTED": {"Get": "Execution.StartDateTime"}})
    pipeline = _make_pipeline(calls, "start", [started], role)
    execution = calls.make(_stop, "sagemaker", "start_pipeline_execution", PipelineName=pipeline)[
        "PipelineExecutionArn"
    ]
    job = calls.until(partial(_job_of, calls, execution), SECONDS)
    if not job:
        return Finding("no job", f"none within {SECONDS:.0f} s")
    text = calls.ask("sagemaker", "describe_processing_job", ProcessingJobName=job)["Environment"]["STARTED"]
    calls.adopt(Undo("sagemaker", "stop_processing_job", {"ProcessingJobName": job}))
    return Finding(_form_of_time(text), text)


def _stop(started: dict[str, Any]) -> Undo:
    """What ends an execution, without which its pipeline cannot be deleted."""
    return Undo("sagemaker", "stop_pipeline_execution", {"PipelineExecutionArn": started["PipelineExecutionArn"]})


def _form_of_time(text: str) -> str:
    if "T" in text:
        return "ISO 8601"
    return "epoch milliseconds" if len(text.partition(".")[0]) > 11 else "epoch seconds"


def _job_of(calls: Calls, execution: str) -> str:
    """The name of the first step's job; "" while there is none. Raises NotAsked where the step has failed."""
    for step in calls.ask("sagemaker", "list_pipeline_execution_steps", PipelineExecutionArn=execution)[
        "PipelineExecutionSteps"
    ]:
        if arn := step.get("Metadata", {}).get("ProcessingJob", {}).get("Arn", ""):
            return str(arn.rpartition("/")[2])
        if step["StepStatus"] == "Failed":
            raise NotAsked(f"the step failed before there was a job: {step.get('FailureReason', '')}")
    return ""


def ask_search_for_what_lacks_a_property(calls: Calls) -> Finding:
    """Search three trial components, one of which has no such parameter, for those whose parameter is not `a`."""
    for name, kind in (("one", "a"), ("two", "b"), ("three", "")):
        component = {"TrialComponentName": f"{calls.prefix}-{name}"}
        calls.make(
            Undo("sagemaker", "delete_trial_component", component),
            "sagemaker",
            "create_trial_component",
            **component,
            Parameters={"kind": {"StringValue": kind}} if kind else {"other": {"StringValue": "c"}},
        )
    ours = {"Name": "TrialComponentName", "Operator": "Contains", "Value": calls.prefix}
    if not calls.until(lambda: len(_search(calls, ours)) == 3, SECONDS):
        return Finding("not found", f"Search did not find three new components within {SECONDS:.0f} s")
    other = {"Name": "Parameters.kind.StringValue", "Operator": "NotEquals", "Value": "a"}
    found = sorted(name.removeprefix(f"{calls.prefix}-") for name in _search(calls, ours, other))
    answer = {("three", "two"): "finds it", ("two",): "leaves it out"}.get(tuple(found), "otherwise")
    return Finding(answer, f"found: {', '.join(found) or 'nothing'}")


def _search(calls: Calls, *filters: dict[str, str]) -> list[str]:
    found = calls.ask(
        "sagemaker", "search", Resource="ExperimentTrialComponent", SearchExpression={"Filters": list(filters)}
    )
    return [result["TrialComponent"]["TrialComponentName"] for result in found["Results"]]


def ask_for_a_monitor(calls: Calls) -> Finding:
    """Make a job definition of Model Monitor, which runs nothing, for an endpoint that is not there."""
    region = calls.target.region
    found = aws_images.registry("model-monitor", "")
    account = (found and found.accounts.get(region)) or "156813124566"
    me = calls.ask("sts", "get_caller_identity")["Account"]
    endpoint = {"EndpointName": calls.prefix, "LocalPath": "/opt/ml/processing/input"}
    output = {"S3Uri": f"s3://{calls.prefix}/out", "LocalPath": "/opt/ml/processing/output"}
    cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
    finding = refuses(
        calls,
        Undo("sagemaker", "delete_data_quality_job_definition", {"JobDefinitionName": calls.prefix}),
        "sagemaker",
        "create_data_quality_job_definition",
        JobDefinitionName=calls.prefix,
        DataQualityAppSpecification={
            "ImageUri": f"{account}.dkr.ecr.{region}.amazonaws.com/sagemaker-model-monitor-analyzer"
        },
        DataQualityJobInput={"EndpointInput": endpoint},
        DataQualityJobOutputConfig={"MonitoringOutputs": [{"S3Output": output}]},
        JobResources={"ClusterConfig": cluster},
        RoleArn=f"arn:{_partition(calls)}:iam::{me}:role/{calls.prefix}",
    )
    closed = "new customers" in finding.detail or "no longer" in finding.detail
    return Finding("closed" if closed else finding.answer, finding.detail)


def _partition(calls: Calls) -> str:
    return str(calls.target.session.get_partition_for_region(calls.target.region))


def _xgboost(calls: Calls) -> str:
    found = aws_images.registry("xgboost", XGBOOST)
    account = found and found.accounts.get(calls.target.region)
    if not found or not account:
        raise NotAsked("the SageMaker SDK, whose table says where the image is, is not installed or lacks the region")
    return f"{account}.dkr.ecr.{calls.target.region}.amazonaws.com/{found.repository}:{XGBOOST}"


def _fail(name: str) -> dict[str, Any]:
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": "never"}}


def _processing(image: str, role: str, environment: dict[str, Any]) -> dict[str, Any]:
    """A Processing step that sleeps for a minute on the smallest machine."""
    cluster = {"InstanceType": PROBE_TYPE, "InstanceCount": 1, "VolumeSizeInGB": 1}
    output = {"S3Uri": "s3://conformance-never-written/told", "LocalPath": "/opt/ml/processing/told"}
    told = {"OutputName": "told", "S3Output": {**output, "S3UploadMode": "EndOfJob"}}
    arguments: dict[str, Any] = {
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": {"ImageUri": image, "ContainerEntrypoint": ["sleep", "60"]},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "RoleArn": role,
    }
    more = {"Environment": environment} if environment else {"ProcessingOutputConfig": {"Outputs": [told]}}
    return {"Name": "Look", "Type": "Processing", "Arguments": arguments | more}


def _takes(calls: Calls, suffix: str, steps: list[dict[str, Any]]) -> Finding:
    """Whether CreatePipeline takes these steps. They are never run, and the role is looked at when they are."""
    role = make_role(calls, suffix, {"Service": "sagemaker.amazonaws.com"}, [_NOTHING])
    name = f"{calls.prefix}-{suffix}"
    return refuses(
        calls,
        Undo("sagemaker", "delete_pipeline", {"PipelineName": name}),
        "sagemaker",
        "create_pipeline",
        PipelineName=name,
        PipelineDefinition=json.dumps(_document(steps)),
        RoleArn=role,
    )


_NOTHING = {"Effect": "Deny", "Action": "*", "Resource": "*"}


def _document(steps: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": steps}


def _make_pipeline(calls: Calls, suffix: str, steps: list[dict[str, Any]], role: str) -> str:
    name = f"{calls.prefix}-{suffix}"
    _once_assumable(
        calls,
        Undo("sagemaker", "delete_pipeline", {"PipelineName": name}),
        "create_pipeline",
        PipelineName=name,
        PipelineDefinition=json.dumps(_document(steps)),
        RoleArn=role,
    )
    return name


def _once_assumable(calls: Calls, undo: Undo, operation: str, **arguments: Any) -> None:
    """A call that makes something with a new role, which AWS needs some seconds to know."""
    from botocore.exceptions import ClientError

    deadline = time.monotonic() + 60
    while True:
        try:
            calls.make(undo, "sagemaker", operation, **arguments)
        except ClientError as fault:
            if "role" not in fault.response["Error"]["Message"].lower() or time.monotonic() > deadline:
                raise
            time.sleep(2)
        else:
            return


def _run(calls: Calls, pipeline: str) -> dict[str, Any]:
    """The only step of an execution, once that has ended."""
    arn = calls.make(_stop, "sagemaker", "start_pipeline_execution", PipelineName=pipeline)["PipelineExecutionArn"]
    calls.until(partial(_is_over, calls, arn), SECONDS)
    steps = calls.ask("sagemaker", "list_pipeline_execution_steps", PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    if not steps:
        raise NotAsked("the execution has no steps")
    return dict(steps[0])


def _is_over(calls: Calls, execution: str) -> bool:
    found = calls.ask("sagemaker", "describe_pipeline_execution", PipelineExecutionArn=execution)
    return found["PipelineExecutionStatus"] in ENDED
