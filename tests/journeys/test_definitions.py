"""Definitions that are not ours: written by hand, by the SDK's own trainer, started by events. boto3 looks on."""

import io
import json
import os
import shlex
import tarfile
import textwrap
import uuid
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.tables import table

pytestmark = pytest.mark.journey

ROLE = "arn:aws:iam::000000000000:role/pipeline"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
CLUSTER = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}


def numbers() -> bytes:
    """Abalone as XGBoost's algorithm mode wants it: label first, no header, the sex as a number."""
    lines = []
    for line in table("abalone").read_text().split()[:1500]:
        sex, *rest, rings = line.split(",")
        lines.append(",".join([rings, str("MFI".index(sex)), *rest]))
    return "\n".join(lines).encode() + b"\n"


def channel(name: str, uri: Any) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, "ContentType": "text/csv"}


def training(name: str, *, instances: int = 1, **hyperparameters: Any) -> dict[str, Any]:
    return {
        "Name": name,
        "Type": "Training",
        "Arguments": {
            "AlgorithmSpecification": {"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
            "HyperParameters": hyperparameters,
            "InputDataConfig": [
                channel("train", "s3://bucket/numbers/"),
                channel("validation", "s3://bucket/numbers/"),
            ],
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
            "ResourceConfig": CLUSTER | {"InstanceCount": instances},
            "StoppingCondition": {"MaxRuntimeInSeconds": 300},
            "RoleArn": ROLE,
        },
    }


def test_train_create_model_and_transform_by_hand(shared: Any) -> None:
    """XGBoost's algorithm mode with a parameter for a number, its model in a Model step, scored in a Transform step."""
    shared.client("s3").put_object(Bucket="bucket", Key="numbers/abalone.csv", Body=numbers())
    features = b"\n".join(line.partition(b",")[2] for line in numbers().split(b"\n")[:20]) + b"\n"
    shared.client("s3").put_object(Bucket="bucket", Key="features/rows.csv", Body=features)
    depth = {"Get": "Parameters.Depth"}
    train = training("Train", objective="reg:squarederror", num_round="20", max_depth=depth)
    model = {
        "Name": "Create",
        "Type": "Model",
        "Arguments": {
            "ExecutionRoleArn": ROLE,
            "PrimaryContainer": {
                "Image": XGBOOST,
                "ModelDataUrl": {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"},
            },
        },
    }
    score = {
        "Name": "Score",
        "Type": "Transform",
        "Arguments": {
            "ModelName": {"Get": "Steps.Create.ModelName"},
            "TransformInput": {
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://bucket/features/"}},
                "ContentType": "text/csv",
                "SplitType": "Line",
            },
            "TransformOutput": {"S3OutputPath": "s3://bucket/scored", "AssembleWith": "Line"},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        },
    }
    parameters = [{"Name": "Depth", "Type": "Integer", "DefaultValue": 4}]
    execution = shared.run({"Parameters": parameters, "Steps": [train, model, score]})
    assert execution.status == "Succeeded", execution.steps()
    job = shared.client("sagemaker").describe_training_job(
        TrainingJobName=execution.steps()["Train"]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    )
    assert job["HyperParameters"]["max_depth"] == "4"
    moves = job["SecondaryStatusTransitions"]
    assert [move["Status"] for move in moves].index("Completed") == len(moves) - 1
    assert all(move["StatusMessage"] and move["EndTime"] for move in moves)
    body = shared.client("s3").get_object(Bucket="bucket", Key="scored/rows.csv.out")["Body"].read().decode()
    assert len(body.split()) == 20
    rings = [float(line.partition(b",")[0]) for line in numbers().split(b"\n")[:20]]
    errors = [abs(float(p) - r) for p, r in zip(body.split(), rings, strict=True)]
    assert sum(errors) / 20 < 2.5


def test_several_instances_train_one_model(shared: Any) -> None:
    shared.client("s3").put_object(Bucket="bucket", Key="numbers/abalone.csv", Body=numbers())
    step = training("Train", instances=2, objective="reg:squarederror", num_round="10")
    execution = shared.run({"Steps": [step]}, seconds=90)
    assert execution.status == "Succeeded", execution.steps()
    name = execution.steps()["Train"]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    job = shared.client("sagemaker").describe_training_job(TrainingJobName=name)
    bucket, _, key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").partition("/")
    body = shared.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        assert archive.getnames() == ["xgboost-model"]
    streams = shared.client("logs").describe_log_streams(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{name}/"
    )["logStreams"]
    assert sorted(s["logStreamName"].split("/")[1].rpartition("-")[0] for s in streams) == ["algo-1", "algo-2"]


def test_the_sdks_own_trainer_runs_as_it_is(shared: Any, run_python: Any, tmp_path: Path) -> None:
    """ModelTrainer(source_code=...) ships driver code of its own and starts it with bash; nothing of it is ours."""
    source = tmp_path / "src"
    source.mkdir()
    (source / "train.py").write_text(
        textwrap.dedent(
            """
            import json, os, pathlib
            rows = sum(len(p.read_text().split()) for p in pathlib.Path(os.environ["SM_CHANNEL_TRAIN"]).iterdir())
            hyperparameters = json.loads(os.environ["SM_HPS"])
            model = pathlib.Path(os.environ["SM_MODEL_DIR"], "model.json")
            model.write_text(json.dumps({"rows": rows, "depth": hyperparameters["max_depth"]}))
            """
        )
    )
    shared.client("s3").put_object(Bucket="bucket", Key="lines/rows.csv", Body=b"1\n2\n3\n")
    program = textwrap.dedent(
        f"""
        import boto3
        from sagemaker.core.training.configs import Compute, InputData, OutputDataConfig, SourceCode
        from sagemaker.core.workflow.pipeline_context import PipelineSession
        from sagemaker.mlops.workflow.pipeline import Pipeline
        from sagemaker.mlops.workflow.steps import TrainingStep
        from sagemaker.train import ModelTrainer

        opt_out = {{"SchemaVersion": "1.0", "SageMaker": {{"PythonSDK": {{"Modules": {{"TelemetryOptOut": True}}}}}}}}
        session = PipelineSession(boto_session=boto3.Session(), default_bucket="bucket", sagemaker_config=opt_out)
        trainer = ModelTrainer(
            training_image={XGBOOST!r}, role={ROLE!r}, sagemaker_session=session,
            source_code=SourceCode(source_dir={str(source)!r}, entry_script="train.py"),
            compute=Compute(instance_type="ml.m5.large", instance_count=1),
            output_data_config=OutputDataConfig(s3_output_path="s3://bucket/sdk"),
            hyperparameters={{"max_depth": 3}},
            input_data_config=[InputData(channel_name="train", data_source="s3://bucket/lines/")],
        )
        step = TrainingStep("Train", step_args=trainer.train())
        pipeline = Pipeline(name="sdk-trainer", steps=[step], sagemaker_session=session)
        pipeline.upsert(role_arn={ROLE!r})
        execution = pipeline.start()
        execution.wait(delay=1, max_attempts=60)
        print(execution.describe()["PipelineExecutionStatus"])
        """
    )
    environ = shared.environ | {"SAGEMAKER_VALIDATE_ROLE": "false"}
    done = run_python("-c", program, env=environ)
    assert done.stdout.strip().endswith("Succeeded"), done.stdout + done.stderr
    listed = shared.client("s3").list_objects_v2(Bucket="bucket", Prefix="sdk/")["Contents"]
    key = next(item["Key"] for item in listed if item["Key"].endswith("model.tar.gz"))
    body = shared.client("s3").get_object(Bucket="bucket", Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        model = archive.extractfile("model.json")
        assert model is not None
        assert json.loads(model.read()) == {"rows": 3, "depth": 3}


NOTEBOOK = """
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, SourceCode

session = Session()
print(session.default_bucket(), session.account_id())
print(get_execution_role(session), session.expand_role("slipway-pipeline"))
trainer = ModelTrainer(
    training_image="683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",
    source_code=SourceCode(source_dir=".", entry_script="t.py"),
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    role=get_execution_role(session),
)
trainer.train(logs=False)
"""


def test_a_notebook_begins_as_in_studio(shared: Any, run_python: Any, tmp_path: Path) -> None:
    """`slipway local env` is the session of a role: the SDK finds it at STS, and its own check of roles accepts it."""
    done = run_python("-m", "slipway", "local", "env", "--state", str(shared.state), env=shared.environ)
    assert done.returncode == 0, done.stderr
    lines = [shlex.split(line)[1].partition("=") for line in done.stdout.splitlines()]
    variables = {name: value for name, _, value in lines}
    assert str(shared.state / "python") in variables["PYTHONPATH"].split(os.pathsep)
    (tmp_path / "t.py").write_text("print('trained')\n")
    done = run_python("-c", NOTEBOOK, env=shared.environ | variables, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    role = "arn:aws:iam::000000000000:role/slipway-pipeline"
    assert f"sagemaker-us-east-1-000000000000 000000000000\n{role} {role}\n" in done.stdout


def test_events_reach_a_queue_and_a_rule_starts_a_pipeline(shared: Any, step: Any, wait_until: Any) -> None:
    """A step's changes go to SQS in AWS's JSON; a file in S3 starts a pipeline with its key as a parameter."""
    sqs, events, s3, sagemaker = (shared.client(name) for name in ("sqs", "events", "s3", "sagemaker"))
    queue = sqs.create_queue(QueueName="changes")["QueueUrl"]
    events.put_rule(
        Name="changes",
        EventPattern=json.dumps(
            {
                "source": ["aws.sagemaker"],
                "detail-type": ["SageMaker Model Building Pipeline Execution Step Status Change"],
                "detail": {"currentStepStatus": ["Succeeded"]},
            }
        ),
    )
    target = {"Id": "queue", "Arn": "arn:aws:sqs:us-east-1:000000000000:changes"}
    events.put_targets(Rule="changes", Targets=[target])
    name = f"arrival-{uuid.uuid4().hex[:6]}"
    definition = {
        "Version": "2020-12-01",
        "Parameters": [{"Name": "Key", "Type": "String", "DefaultValue": "none"}],
        "Steps": [step("Look", "pass", Environment={"KEY": {"Get": "Parameters.Key"}})],
    }
    pipeline = sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=json.dumps(definition), RoleArn=ROLE)
    s3.create_bucket(Bucket="arrivals")
    s3.put_bucket_notification_configuration(
        Bucket="arrivals", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": ["arrivals"]}}}
    events.put_rule(Name="arrivals", EventPattern=json.dumps(pattern))
    parameters = {"PipelineParameterList": [{"Name": "Key", "Value": "$.detail.object.key"}]}
    arrival = {"Id": "p", "Arn": pipeline["PipelineArn"], "RoleArn": ROLE, "SageMakerPipelineParameters": parameters}
    events.put_targets(Rule="arrivals", Targets=[arrival])
    s3.put_object(Bucket="arrivals", Key="new.csv", Body=b"1")
    listed = wait_until(lambda: sagemaker.list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"], 10)
    arn = listed[0]["PipelineExecutionArn"]
    given = sagemaker.list_pipeline_parameters_for_execution(PipelineExecutionArn=arn)["PipelineParameters"]
    assert given == [{"Name": "Key", "Value": "new.csv"}]
    received = wait_until(lambda: sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages"), 20)
    event = json.loads(received[0]["Body"])
    assert event["detail"]["stepName"] == "Look"
    assert event["detail"]["metadata"]["processingJob"]["arn"].startswith("arn:aws:sagemaker:")
    assert event["resources"][1] == event["detail"]["pipelineExecutionArn"]


def test_a_lambda_step_runs_the_function(shared: Any) -> None:
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", "def handler(event, context):\n    return {'doubled': event['n'] * 2}\n")
    role = {"Version": "2012-10-17", "Statement": []}
    shared.client("iam").create_role(RoleName="function", AssumeRolePolicyDocument=json.dumps(role))
    function = shared.client("lambda").create_function(
        FunctionName="double",
        Runtime="python3.12",
        Role="arn:aws:iam::000000000000:role/function",
        Handler="index.handler",
        Code={"ZipFile": code.getvalue()},
    )
    step = {
        "Name": "Double",
        "Type": "Lambda",
        "FunctionArn": function["FunctionArn"],
        "Arguments": {"n": 21},
        "OutputParameters": [{"OutputName": "doubled", "OutputType": "Integer"}],
    }
    execution = shared.run({"Steps": [step]})
    assert execution.status == "Succeeded", execution.reason
    outputs = execution.steps()["Double"]["Metadata"]["Lambda"]["OutputParameters"]
    assert outputs == [{"Name": "doubled", "Value": "42"}]


def test_logs_are_there_while_the_job_runs(shared: Any, step: Any, wait_until: Any) -> None:
    execution = shared.start({"Steps": [step("Talk", "import time\nprint('first line')\ntime.sleep(5)")]})
    arn = wait_until(lambda: execution.steps().get("Talk", {}).get("Metadata"), 10)["ProcessingJob"]["Arn"]
    logs, group, prefix = shared.client("logs"), "/aws/sagemaker/ProcessingJobs", arn.rpartition("/")[2]

    def lines() -> list[str]:
        try:
            streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=prefix)["logStreams"]
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [
            event["message"]
            for stream in streams
            for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
        ]

    assert wait_until(lines, 10) == ["first line"]
    assert execution.status == "Executing"
    execution.wait()
