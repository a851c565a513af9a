"""`slipway drift` and `slipway monitor` on an AWS that is played: what is asked of it, said and returned."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slipway import monitor, monitor_executions, monitor_job, projects
from slipway.target import Target

NOW = datetime(2026, 1, 1, 12, 34, 56, tzinfo=UTC)
PROJECT = projects.Project("demo", "p-1", {"StagingStackName": "stack-staging", "ProdStackName": "stack-prod"})
ARN = "arn:aws:sagemaker:eu-west-1:111122223333:processing-job/"
DEFINITION_ARN = "arn:aws:sagemaker:eu-west-1:111122223333:data-quality-job-definition/dq"
SCHEDULE_ARN = "arn:aws:sagemaker:eu-west-1:111122223333:monitoring-schedule/any"
HEADED = {
    "MonitoringScheduleName": "any",
    "MonitoringScheduleArn": SCHEDULE_ARN,
    "MonitoringType": "DataQuality",
    "MonitoringScheduleStatus": "Scheduled",
    "MonitoringJobDefinitionName": "dq",
    "CreationTime": NOW,
    "LastModifiedTime": NOW,
}
DEFINITION = {
    "JobDefinitionArn": DEFINITION_ARN,
    "JobDefinitionName": "dq",
    "CreationTime": NOW,
    "DataQualityAppSpecification": {
        "ImageUri": "1.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-model-monitor-analyzer",
        "RecordPreprocessorSourceUri": "s3://b/code/pre.py",
        "Environment": {"publish_cloudwatch_metrics": "Enabled"},
    },
    "DataQualityBaselineConfig": {
        "StatisticsResource": {"S3Uri": "s3://b/base/statistics.json"},
        "ConstraintsResource": {"S3Uri": "s3://b/base/constraints.json"},
    },
    "DataQualityJobInput": {
        "EndpointInput": {"EndpointName": "demo-prod", "LocalPath": "/opt/ml/processing/input/endpoint"}
    },
    "DataQualityJobOutputConfig": {
        "KmsKeyId": "key",
        "MonitoringOutputs": [{"S3Output": {"S3Uri": "s3://b/reports", "LocalPath": "/opt/ml/processing/output"}}],
    },
    "JobResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}},
    "StoppingCondition": {"MaxRuntimeInSeconds": 1800},
    "RoleArn": "arn:aws:iam::111122223333:role/monitoring",
}
DRIFT = {
    "feature_name": "age",
    "constraint_check_type": "baseline_drift_check",
    "description": "Baseline drift distance: 0.31 exceeds threshold: 0.1",
}


def numbers(values: list[float]) -> dict[str, Any]:
    common = {"num_present": len(values), "num_missing": 0}
    kll = {"buckets": [], "sketch": {"parameters": {"c": 0.64, "k": 2048.0}, "data": [values]}}
    figures = {"common": common, "mean": 1.0, "distribution": {"kll": kll}}
    feature = {"name": "age", "inferred_type": "Fractional", "numerical_statistics": figures}
    return {"version": 0.0, "dataset": {"item_count": len(values)}, "features": [feature]}


def execution(hour: int, status: str, **more: Any) -> dict[str, Any]:
    job = {"ProcessingJobArn": f"{ARN}model-monitoring-{hour:02d}"} if status.startswith("Completed") else {}
    return {
        "MonitoringScheduleName": "any",
        "ScheduledTime": NOW.replace(hour=hour, minute=0, second=0),
        "CreationTime": NOW,
        "LastModifiedTime": NOW,
        "MonitoringExecutionStatus": status,
        **job,
        **more,
    }


def job(name: str) -> dict[str, Any]:
    output = {"S3Uri": f"s3://b/reports/{name}", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    return {
        "ProcessingJobName": name,
        "ProcessingJobArn": f"{ARN}{name}",
        "ProcessingJobStatus": "Completed",
        "ExitMessage": "CompletedWithViolations: Job completed successfully with 1 violations.",
        "CreationTime": NOW,
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "o", "S3Output": output}]},
        "ProcessingResources": DEFINITION["JobResources"],
        "AppSpecification": {"ImageUri": "image"},
    }


@pytest.fixture
def watched(aws: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    """A production endpoint with an hourly monitor that found drift at 11 and 12 and none at 10."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(projects, "needed", lambda _: PROJECT)
    documents = {
        "statistics.json": numbers([float(n + 30) for n in range(90)]),
        "constraint_violations.json": {"violations": [DRIFT]},
        "base/statistics.json": numbers([float(n) for n in range(90)]),
        "base/constraints.json": {"features": [{"name": "age", "inferred_type": "Fractional", "completeness": 1.0}]},
    }

    def stored(request: dict[str, Any]) -> Any:
        key = request["Key"]
        found = documents.get(key, documents.get(key.rpartition("/")[2]))
        if found is None:
            return "NoSuchKey: The specified key does not exist."
        return {"Body": io.BytesIO(json.dumps(found).encode())}

    aws.answers |= {
        "ListMonitoringSchedules": lambda r: {
            "MonitoringScheduleSummaries": [HEADED] if r["EndpointName"] == "demo-prod" else []
        },
        "ListMonitoringExecutions": {
            "MonitoringExecutionSummaries": [
                execution(12, "CompletedWithViolations"),
                execution(11, "CompletedWithViolations"),
                execution(10, "Completed"),
            ]
        },
        "ListProcessingJobs": {"ProcessingJobSummaries": []},
        "DescribeProcessingJob": lambda r: job(r["ProcessingJobName"]),
        "DescribeMonitoringSchedule": HEADED
        | {"MonitoringScheduleConfig": {"ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"}}},
        "DescribeDataQualityJobDefinition": DEFINITION,
        "DescribeEndpoint": {
            "EndpointName": "demo-prod",
            "EndpointStatus": "InService",
            "LastModifiedTime": NOW,
            "ProductionVariants": [{"VariantName": "AllTraffic"}],
            "DataCaptureConfig": {"DestinationS3Uri": "s3://b/captured/"},
        },
        "DescribeStacks": {"Stacks": [{"Outputs": []}]},
        "DescribeAlarms": {"MetricAlarms": []},
        "GetObject": stored,
        "ListObjectsV2": lambda r: {"Contents": [{"Key": f"{r['Prefix']}a.jsonl", "Size": 9}]},
        "PutObject": {},
        "CreateProcessingJob": {"ProcessingJobArn": f"{ARN}j"},
    }
    return aws


def test_drift_is_told_and_is_an_exit_code(watched: Any, command: Callable[..., Any], tmp_path: Any) -> None:
    code, out, err = command("drift", "prod")
    assert (code, err) == (1, "")
    assert "age: drift distance 0.31 above 0.1\n  since 1 Jan 11:00 UTC, 2 executions in a row\n" in out
    assert "90 live, 90 baseline values\n  gap 0.333, by chance alone under" in out
    [page] = (tmp_path / ".slipway/drift").glob("prod-*.html")
    assert out.rstrip().endswith(f"page  {page.relative_to(tmp_path)}")
    assert "model-monitoring-12/constraint_violations.json" in page.read_text()


def test_drift_for_a_program(watched: Any, command: Callable[..., Any]) -> None:
    code, out, _ = command("drift", "prod", "--json", "--page", "here/a.html")
    found = json.loads(out)
    assert (code, found["page"], found["violations"]) == (1, "here/a.html", 1)
    [violated] = found["monitors"][0]["violations"]
    assert violated["since"] == {"time": "2026-01-01T11:00:00+00:00", "executions": 2, "at_least": False}


def test_without_violations_all_is_listed_and_the_code_is_0(watched: Any, command: Callable[..., Any]) -> None:
    watched.answers["ListMonitoringExecutions"] = {"MonitoringExecutionSummaries": [execution(12, "Completed")]}
    code, out, _ = command("drift", "prod")
    assert (code, "prod is like its baseline" in out) == (0, True)
    [row] = [line for line in out.splitlines() if line.startswith("age ")]
    assert "█" in row
    assert row.split()[-4:] == ["0.07", "0.10", "0", "%"]  # 1/3 - 1.8 * sqrt(2/90)


def test_how_far_back_is_looked(watched: Any, command: Callable[..., Any]) -> None:
    _, out, _ = command("drift", "prod", "--hours", "1")
    assert "since at least 1 Jan 11:00 UTC" in out


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        ([], "any: no execution yet. Run one now: slipway monitor run prod"),
        (
            [execution(12, "Failed", FailureReason="Job inputs had no data")],
            "the execution of 01 Jan 12:00 UTC failed: Job inputs had no data. Run one now",
        ),
        ([execution(12, "InProgress")], "the execution of 01 Jan 12:00 UTC is InProgress. Run one now"),
    ],
)
def test_no_verdict_is_one_line(watched: Any, command: Callable[..., Any], listed: list[Any], told: str) -> None:
    watched.answers["ListMonitoringExecutions"] = {"MonitoringExecutionSummaries": listed}
    code, out, err = command("drift", "prod")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert told in err


def test_a_failed_execution_does_not_hide_the_verdict_before(watched: Any, command: Callable[..., Any]) -> None:
    listed = [execution(12, "Failed", FailureReason="Job inputs had no data"), execution(11, "Completed")]
    watched.answers["ListMonitoringExecutions"] = {"MonitoringExecutionSummaries": listed}
    code, out, _ = command("drift", "prod")
    assert code == 1
    assert "execution of 01 Jan 2026 11:00 UTC" in out
    assert "the execution of 01 Jan 12:00 UTC failed: Job inputs had no data" in out


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("drift", "nowhere"), 2, "There is no stage nowhere; there is: staging, prod"),
        (("monitor", "run", "nowhere"), 2, "There is no stage nowhere"),
        (("drift", "staging"), 1, "has no data or model quality schedule; set `monitor` in deploy/stages/staging.yml"),
        (("monitor", "run", "staging"), 1, "demo-staging has no data quality schedule"),
        (("drift", "prod", "--page", "/proc/none/a.html"), 1, "The page /proc/none/a.html cannot be written"),
    ],
)
def test_what_cannot_be_done(
    watched: Any, command: Callable[..., Any], arguments: tuple[str, ...], code: int, told: str
) -> None:
    ended, _, err = command(*arguments)
    assert (ended, err.count("\n")) == (code, 1)
    assert told in err


def test_documents_that_are_gone_are_named(watched: Any, command: Callable[..., Any]) -> None:
    watched.answers["GetObject"] = "NoSuchKey: The specified key does not exist."
    code, _, err = command("drift", "prod")
    assert code == 1
    assert "s3://b/reports/model-monitoring-12/constraint_violations.json cannot be read" in err


def test_a_run_is_what_the_schedule_would_do(watched: Any, command: Callable[..., Any]) -> None:
    code, out, err = command("monitor", "run", "prod", "--hours", "2")
    assert (code, err) == (1, "")
    assert "drift distance 0.31 above 0.1" in out
    [request] = watched.asked("CreateProcessingJob")
    assert request["RoleArn"] == DEFINITION["RoleArn"]
    assert request["Environment"]["baseline_statistics"] == "/opt/ml/processing/baseline/stats/statistics.json"
    [listed] = [one for one in watched.asked("PutObject") if one["Key"].endswith("captures.manifest")]
    manifest = json.loads(listed["Body"])
    assert manifest[0] == {"prefix": "s3://b/captured/demo-prod/"}
    assert len(manifest) == 4  # the running hour and two before
    folder = request["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
    assert folder.startswith("s3://b/reports/demo-prod/any/asked/")
    assert listed["Key"] == f"{folder.removeprefix('s3://b/')}/captures.manifest"


def test_without_waiting_the_job_is_named(watched: Any, command: Callable[..., Any]) -> None:
    code, out, _ = command("monitor", "run", "prod", "--no-wait", "--json")
    assert (code, json.loads(out)["job"]) == (0, watched.asked("CreateProcessingJob")[0]["ProcessingJobName"])


def test_a_run_that_fails_says_why(watched: Any, command: Callable[..., Any]) -> None:
    failed = {"ProcessingJobStatus": "Failed", "ExitMessage": "Error: there is no data\nat all"}
    watched.answers["DescribeProcessingJob"] = lambda r: job(r["ProcessingJobName"]) | failed
    code, _, err = command("monitor", "run", "prod")
    assert (code, err.count("\n")) == (1, 1)
    assert "ended Failed: Error: there is no data at all" in err


def test_without_captures_nothing_is_started(watched: Any, command: Callable[..., Any]) -> None:
    watched.answers["ListObjectsV2"] = {"Contents": [{"Key": "empty", "Size": 0}]}
    code, _, err = command("monitor", "run", "prod")
    assert (code, watched.asked("CreateProcessingJob", "PutObject")) == (1, [])
    assert "demo-prod has captured nothing since" in err


def test_runs_that_were_asked_for_count(watched: Any, command: Callable[..., Any]) -> None:
    name = monitor_job.job_name("demo-prod", "any", NOW)
    other = {**job(f"x-{name}"), "CreationTime": NOW + timedelta(hours=1)}
    watched.answers |= {
        "ListMonitoringExecutions": {"MonitoringExecutionSummaries": []},
        "ListProcessingJobs": {"ProcessingJobSummaries": [other, job(name)]},
    }
    found = monitor_executions.executions(
        watched.target, monitor_executions.schedules(watched.target, "demo-prod")[0], 9
    )
    assert [(one.job, one.status, one.asked) for one in found] == [(f"{ARN}{name}", "CompletedWithViolations", True)]
    code, out, _ = command("drift", "prod")
    assert (code, "asked for" in out) == (1, True)


def test_the_state_of_every_monitor(watched: Any, command: Callable[..., Any]) -> None:
    watched.answers["DescribeAlarms"] = {
        "MetricAlarms": [
            {
                "AlarmName": "demo-prod-monitor-violations",
                "StateValue": "ALARM",
                "Namespace": "ModelMonitor",
                "Dimensions": [{"Name": "Endpoint", "Value": "demo-prod"}],
            },
            {"AlarmName": "demo-prod-5xx", "StateValue": "OK", "Namespace": "AWS/SageMaker", "Dimensions": []},
        ]
    }
    code, out, _ = command("monitor", "status", "--json")
    found = json.loads(out)
    [row] = found["monitors"]
    assert (code, found["alarms"]) == (0, {"demo-prod-monitor-violations": "ALARM"})
    assert (row["stage"], row["expression"], row["violations"]) == ("prod", "cron(0 * ? * * *)", 1)
    assert row["message"] == "CompletedWithViolations: Job completed successfully with 1 violations."
    _, out, _ = command("monitor", "status")
    assert "cron(0 * ? * * *)" in out
    assert "demo-prod-monitor-violations" in out


def test_a_monitor_that_never_ran_says_so(watched: Any, command: Callable[..., Any]) -> None:
    watched.answers["ListMonitoringExecutions"] = {"MonitoringExecutionSummaries": []}
    _, out, _ = command("monitor", "status", "--json")
    assert json.loads(out)["monitors"][0]["message"] == "no execution yet"


@pytest.mark.parametrize("endpoint", ["e", "a-very-long-endpoint-name-of-a-project-and-its-production"])
def test_names_of_jobs_are_short_enough_and_their_schedules_own(endpoint: str) -> None:
    name = monitor_job.job_name(endpoint, "one", NOW)
    assert len(name) <= 63
    assert name.startswith(monitor_job.job_prefix(endpoint, "one"))
    assert not name.startswith(monitor_job.job_prefix(endpoint, "two"))


def test_the_window_begins_with_a_whole_hour_and_ends_now() -> None:
    start, end = monitor_job.window(NOW, 1)
    assert (start, end) == (NOW.replace(hour=11, minute=0, second=0), NOW)
    assert list(monitor_job.prefixes("s3://b/c/ep", ["A"], start, end)) == [
        "s3://b/c/ep/A/2026/01/01/11/",
        "s3://b/c/ep/A/2026/01/01/12/",
    ]


def test_an_inline_definition_is_read_too(watched: Any) -> None:
    inline = {
        "MonitoringAppSpecification": {"ImageUri": "i"},
        "MonitoringInputs": [{"EndpointInput": {"EndpointName": "demo-prod", "LocalPath": "/opt/ml/processing/input"}}],
        "MonitoringOutputConfig": DEFINITION["DataQualityJobOutputConfig"],
        "MonitoringResources": DEFINITION["JobResources"],
        "BaselineConfig": {"BaseliningJobName": "base"},
        "RoleArn": DEFINITION["RoleArn"],
    }
    watched.answers["DescribeMonitoringSchedule"] = HEADED | {
        "MonitoringScheduleConfig": {"MonitoringJobDefinition": inline}
    }
    schedule = monitor_executions.Schedule("any", "DataQuality", "Scheduled", "demo-prod")
    found = monitor_executions.definition(watched.target, schedule)
    assert (found["input"]["EndpointName"], found["RoleArn"]) == ("demo-prod", DEFINITION["RoleArn"])
    uris = monitor_executions.baseline_uris(watched.target, found, "DataQuality")
    assert uris == {n: f"s3://b/reports/base/{n}.json" for n in ("statistics", "constraints")}


def test_watching_ends_with_the_job(watched: Any, capsys: pytest.CaptureFixture[str]) -> None:
    running = job("j") | {"ProcessingJobStatus": "InProgress"}
    watched.answers["DescribeProcessingJob"] = [running, running, job("j")]
    ended = monitor.watch(Target({}, local=True, project="demo"), "j", quiet=False)
    assert ended["ProcessingJobStatus"] == "Completed"
    assert capsys.readouterr().out.splitlines() == ["j  InProgress", "j  Completed"]
