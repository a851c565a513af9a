"""Hyperparameter tuning with real training jobs: the SDK's TuningStep as it is, and a control plane that is killed."""

import os
import signal
import textwrap
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError

from tests.journeys.conftest import until
from tests.journeys.shapes import ABALONE, ROLE, XGBOOST, archive, put

pytestmark = pytest.mark.journey

SDK_PROGRAM = """
    import boto3
    from sagemaker.core.parameter import CategoricalParameter, ContinuousParameter, IntegerParameter
    from sagemaker.core.training.configs import Compute, InputData, OutputDataConfig
    from sagemaker.core.workflow.pipeline_context import PipelineSession
    from sagemaker.mlops.workflow.model_step import ModelStep
    from sagemaker.mlops.workflow.pipeline import Pipeline
    from sagemaker.mlops.workflow.steps import TuningStep
    from sagemaker.serve.model_builder import ModelBuilder
    from sagemaker.train import ModelTrainer
    from sagemaker.train.tuner import HyperparameterTuner

    opt_out = {{"SchemaVersion": "1.0", "SageMaker": {{"PythonSDK": {{"Modules": {{"TelemetryOptOut": True}}}}}}}}
    session = PipelineSession(boto_session=boto3.Session(), default_bucket="bucket", sagemaker_config=opt_out)
    trainer = ModelTrainer(
        training_image={xgboost!r}, hyperparameters={{"objective": "reg:squarederror", "num_round": 10}},
        role={role!r}, sagemaker_session=session, compute=Compute(instance_type="ml.m5.large", instance_count=1),
        output_data_config=OutputDataConfig(s3_output_path="s3://bucket/tuned"),
    )
    tuner = HyperparameterTuner(
        trainer, objective_metric_name="validation:rmse", objective_type="Minimize", max_jobs=50, max_parallel_jobs=10,
        hyperparameter_ranges={{
            "eta": ContinuousParameter(0.01, 0.5, "Logarithmic"), "max_depth": IntegerParameter(2, 8),
            "booster": CategoricalParameter(["gbtree", "dart"]),
        }},
    )
    data = [InputData(channel_name=name, data_source=f"s3://bucket/tuning/{{name}}/", content_type="text/csv")
            for name in ("train", "validation")]
    tune = TuningStep("TuneIt", step_args=tuner.tune(inputs=data))
    builder = ModelBuilder(
        s3_model_data_url=tune.get_top_model_s3_uri(top_k=0, s3_bucket="bucket", prefix="tuned"),
        image_uri={xgboost!r}, role_arn={role!r}, sagemaker_session=session,
    )
    create = ModelStep("Create", step_args=builder.build())
    pipeline = Pipeline(name="tuning", steps=[tune, create], sagemaker_session=session)
    pipeline.upsert(role_arn={role!r})
    execution = pipeline.start()
    execution.wait(delay=1, max_attempts=300)
    print([(step["StepName"], step["StepStatus"], step.get("FailureReason")) for step in execution.list_steps()])
    print(execution.describe()["PipelineExecutionStatus"])
"""


@pytest.fixture
def data(shared: Any) -> None:
    _data(shared)


def _data(loopback: Any) -> None:
    rows = [",".join([line.split(",")[-1], *line.split(",")[1:-1]]) for line in ABALONE[:1200]]
    put(loopback, "tuning/train/rows.csv", "\n".join(rows[:900]) + "\n")
    put(loopback, "tuning/validation/rows.csv", "\n".join(rows[900:]) + "\n")


def test_the_sdks_tuning_step_and_its_best_model(shared: Any, data: None, run_python: Any) -> None:
    program = textwrap.dedent(SDK_PROGRAM.format(role=ROLE, xgboost=XGBOOST))
    done = run_python("-c", program, env=shared.environ | {"SAGEMAKER_VALIDATE_ROLE": "false"}, timeout=400)
    assert done.stdout.strip().endswith("Succeeded"), done.stdout + done.stderr
    sagemaker = shared.client("sagemaker")
    job = sagemaker.list_hyper_parameter_tuning_jobs(NameContains="TuneIt")["HyperParameterTuningJobSummaries"][0]
    name = job["HyperParameterTuningJobName"]
    found = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    assert found["TrainingJobStatusCounters"]["Completed"] == 50
    assert found["ObjectiveStatusCounters"]["Succeeded"] == 50, _without(shared, name)
    best = found["BestTrainingJob"]
    values = [
        trial["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
        for page in sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job").paginate(
            HyperParameterTuningJobName=name
        )
        for trial in page["TrainingJobSummaries"]
        if trial["ObjectiveStatus"] == "Succeeded"  # one that lost its workers was begun again
    ]
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == min(values) < max(values)
    model = sagemaker.list_models(SortBy="CreationTime")["Models"][0]["ModelName"]
    shown = sagemaker.describe_model(ModelName=model)
    container = shown.get("PrimaryContainer") or shown["Containers"][0]
    assert container["ModelDataUrl"] == f"s3://bucket/tuned/{best['TrainingJobName']}/output/model.tar.gz"


def _without(loopback: Any, name: str) -> list[Any]:
    """What the training jobs without an objective say."""
    sagemaker, logs = loopback.client("sagemaker"), loopback.client("logs")
    listed = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name, MaxResults=100
    )
    names = [job["TrainingJobName"] for job in listed["TrainingJobSummaries"] if job["ObjectiveStatus"] == "Failed"]
    group = {"logGroupName": "/aws/sagemaker/TrainingJobs"}
    return [
        (job, event["message"])
        for job in names
        for stream in logs.describe_log_streams(**group, logStreamNamePrefix=job)["logStreams"]
        for event in logs.get_log_events(**group, logStreamName=stream["logStreamName"])["events"]
    ]


SLOW = """
    import os, time
    for epoch in range(100):
        print(f"score={os.environ['SM_HP_LEVEL']}", flush=True)
        time.sleep(0.1)
"""


def tuning(name: str, script: str, **config: Any) -> dict[str, Any]:
    """A tuning job of a script that prints its level, a tenth of a second an epoch."""
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Grid",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
            "ResourceLimits": {"MaxParallelTrainingJobs": 2},
            "ParameterRanges": {"CategoricalParameterRanges": [{"Name": "level", "Values": ["5", "3", "1", "4"]}]},
            **config,
        },
        "TrainingJobDefinition": {
            "AlgorithmSpecification": {
                "TrainingImage": XGBOOST.replace("sagemaker-xgboost:3.2-0", "sagemaker-scikit-learn:1.2-1"),
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "score", "Regex": "score=([0-9.]+)"}],
            },
            "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": "s3://bucket/tuned"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 300},
            "StaticHyperParameters": {"sagemaker_program": "train.py", "sagemaker_submit_directory": script},
        },
    }


def _source(loopback: Any) -> str:
    return put(loopback, "tuning/source.tar.gz", archive({"train.py": SLOW}))


def test_a_kill_of_the_control_plane_costs_no_combination(loopback: Any) -> None:
    loopback.client("s3").create_bucket(Bucket="bucket")
    sagemaker = loopback.client("sagemaker")
    early = {"TrainingJobEarlyStoppingType": "Auto"}
    sagemaker.create_hyper_parameter_tuning_job(**tuning("kept", _source(loopback), **early))

    def describe() -> dict[str, Any]:
        found: dict[str, Any] = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="kept")
        return found

    until(lambda: describe()["TrainingJobStatusCounters"].get("InProgress") == 2, 60)
    os.kill(loopback.found["pid"], signal.SIGKILL)
    found = until(lambda: _ended(describe), 180)
    assert found["HyperParameterTuningJobStatus"] == "Completed", found
    assert found["BestTrainingJob"]["TunedHyperParameters"] == {"level": "5"}
    listed = sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(HyperParameterTuningJobName="kept")
    ended = [job for job in listed["TrainingJobSummaries"] if job["TrainingJobStatus"] != "Failed"]
    assert sorted(job["TunedHyperParameters"]["level"] for job in ended) == ["1", "3", "4", "5"]
    stopped = [job["TunedHyperParameters"]["level"] for job in ended if job["TrainingJobStatus"] == "Stopped"]
    assert "5" not in stopped
    assert "1" in stopped  # worse than the median from its first epoch on: it never runs to its end


def _ended(describe: Any) -> dict[str, Any] | None:
    """The tuning job once it is over; the control plane may be on its way back."""
    try:
        found: dict[str, Any] = describe()
    except (ClientError, HTTPClientError, EndpointConnectionError):
        return None
    return found if found["HyperParameterTuningJobStatus"] != "InProgress" else None
