"""Monitors of our own as the command line sees them: `drift`, `monitor run`, `monitor status`, `destroy`."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from slipway.cli import own_monitors, projects
from slipway.monitoring.settings import SCHEDULED
from tests.slipway.cli.monitored_stage import ARN, NOW, PROJECT, job, played

NAME = "demo-prod-data-quality"
EXECUTION = f"arn:aws:sagemaker:eu-west-1:111122223333:pipeline/{NAME}/execution/"
FOUND = "CompletedWithViolations: Job completed successfully with 1 violations."
NONE = "Completed: Job completed successfully with no violations."
NO_DATA = "NoData: demo-prod captured nothing from 2026-01-01 11:00 to 2026-01-01 12:00 UTC below s3://b/captured"


def pipeline_execution(hour: int, status: str = "Succeeded", **more: Any) -> dict[str, Any]:
    start = NOW.replace(hour=hour, minute=15, second=0)
    return {
        "PipelineExecutionArn": f"{EXECUTION}e{hour}",
        "PipelineExecutionStatus": status,
        "StartTime": start,
        **more,
    }


def described(messages: dict[str, str], asked: dict[str, str]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A job of an hour, by its name pipelines-e<hour>-Analyze."""

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        name = request["ProcessingJobName"]
        hour = name.split("-")[1].removeprefix("e")
        found = job(name)
        found["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] = f"s3://b/reports/demo-prod/{NAME}"
        inputs = {"stats": "statistics", "constraints": "constraints"}
        found["ProcessingInputs"] = [
            {
                "InputName": folder,
                "S3Input": {
                    "S3Uri": f"s3://b/base/{document}.json",
                    "LocalPath": f"/opt/ml/processing/baseline/{folder}",
                    "S3DataType": "S3Prefix",
                },
            }
            for folder, document in inputs.items()
        ]
        found["Environment"] = {
            "monitor": "data_quality",
            "endpoint": "demo-prod",
            "schedule": NAME,
            "captures": "s3://b/captured",
            "started": f"2026-01-01T{int(hour):02d}:15:02Z",
            "hours": "1",
            "asked": asked.get(hour, SCHEDULED),
        }
        return found | {"ExitMessage": messages[hour]}

    return answer


@pytest.fixture
def watched(aws: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    """A production stage whose own monitor found drift at 11 and 12, and none at 10."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(projects, "require", lambda _: PROJECT)
    messages = {"12": FOUND, "11": FOUND, "10": NONE}
    aws.answers |= played() | {
        "ListMonitoringSchedules": {"MonitoringScheduleSummaries": []},
        "ListPipelines": lambda r: {
            "PipelineSummaries": [
                {"PipelineName": name} for name in (NAME, "demo-prod-churn") if name.startswith(r["PipelineNamePrefix"])
            ]
        },
        "ListPipelineExecutions": {
            "PipelineExecutionSummaries": [pipeline_execution(12), pipeline_execution(11), pipeline_execution(10)]
        },
        "ListPipelineExecutionSteps": lambda r: {
            "PipelineExecutionSteps": [
                {
                    "StepName": "Analyze",
                    "Metadata": {
                        "ProcessingJob": {
                            "Arn": f"{ARN}pipelines-{r['PipelineExecutionArn'].rpartition('/')[2]}-Analyze"
                        }
                    },
                }
            ]
        },
        "DescribeProcessingJob": described(messages, {}),
        "GetSchedule": {"State": "ENABLED", "ScheduleExpression": "cron(15 * ? * * *)", "Name": NAME},
    }
    aws.messages = messages
    return aws


def test_drift_is_told_and_is_an_exit_code(watched: Any, command: Callable[..., Any], tmp_path: Any) -> None:
    code, out, err = command("drift", "prod")
    assert (code, err) == (1, "")
    assert "age: drift distance 0.31 above 0.1\n  since 1 Jan 11:15 UTC, 2 executions in a row\n" in out
    assert "90 live, 90 baseline values" in out
    read = {request["Key"] for request in watched.asked("GetObject")}
    assert f"reports/demo-prod/{NAME}/2026/01/01/12/statistics.json" in read
    assert {"base/statistics.json", "base/constraints.json"} <= read
    assert not watched.asked("DescribeDataQualityJobDefinition", "ListMonitoringExecutions")


ESTIMATE = {"value": 0.71, "low": 0.62, "high": 0.79, "registered": 0.93}
LOW = {
    "metric_name": "estimated f1",
    "constraint_check_type": "estimated_performance_check",
    "description": "Metric f1 is estimated 0.710 (0.620 to 0.790) without labels, which is below 0.8",
}


def test_an_estimate_without_labels_is_shown_for_what_it_is(
    watched: Any, command: Callable[..., Any], tmp_path: Any
) -> None:
    inner, stored = watched.answers["DescribeProcessingJob"], watched.answers["GetObject"]
    documents = {
        "estimated_performance.json": {
            "method": "an estimate without labels (CBPE) that assumes no concept drift",
            "binary_classification_metrics": {"f1": ESTIMATE},
        },
        "constraint_violations.json": {"violations": [LOW]},
    }

    def described_with_performance(request: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = inner(request)
        place = {"S3Uri": "s3://b/base/q.json", "LocalPath": "/opt/ml/processing/baseline/performance"}
        found["ProcessingInputs"].append({"InputName": "performance", "S3Input": place | {"S3DataType": "S3Prefix"}})
        return found

    def read(request: dict[str, Any]) -> Any:
        found = documents.get(request["Key"].rpartition("/")[2])
        return {"Body": io.BytesIO(json.dumps(found).encode())} if found else stored(request)

    watched.answers |= {"DescribeProcessingJob": described_with_performance, "GetObject": read}
    code, out, _ = command("drift", "prod", "--page", str(tmp_path / "p.html"))
    plain = " ".join(out.split())
    assert code == 1
    assert "estimated f1: Metric f1 is estimated 0.710 (0.620 to 0.790) without labels, which is below 0.8" in plain
    assert "f1 0.71 0.62 to 0.79 0.93" in plain
    assert "assumes no concept drift" in plain
    page = (tmp_path / "p.html").read_text()
    assert "<h2>Estimated performance</h2>" in page
    assert '<td class="number">0.62 to 0.79</td><td class="number">0.93</td>' in page
    _, out, _ = command("drift", "prod", "--json")
    [shown] = json.loads(out)["monitors"][0]["estimates"]
    assert shown == {"name": "f1", **ESTIMATE, "violated": ["estimated_performance_check"]}


def test_only_the_hours_that_are_asked_for_are_looked_at(watched: Any, command: Callable[..., Any]) -> None:
    _, out, _ = command("drift", "prod", "--hours", "1")
    assert "since at least 1 Jan 11:15 UTC" in out
    looked = {r["PipelineExecutionArn"] for r in watched.asked("ListPipelineExecutionSteps")}
    assert looked <= {f"{EXECUTION}e{hour}" for hour in (12, 11, 10)}


@pytest.mark.parametrize(
    ("newest", "message", "told"),
    [
        ({}, NO_DATA, "the execution of 01 Jan 13:15 UTC had no data: demo-prod captured nothing from"),
        (
            {"status": "Failed"},
            "Error: labels are gone",
            "the execution of 01 Jan 13:15 UTC failed: Error: labels are gone",
        ),
        ({"status": "Executing"}, "", "the execution of 01 Jan 13:15 UTC is InProgress"),
    ],
)
def test_an_execution_without_a_verdict_does_not_hide_the_one_before(
    watched: Any, command: Callable[..., Any], newest: dict[str, str], message: str, told: str
) -> None:
    watched.messages["13"] = message
    listed = watched.answers["ListPipelineExecutions"]["PipelineExecutionSummaries"]
    listed.insert(0, pipeline_execution(13, **newest))
    code, out, _ = command("drift", "prod")
    assert told in " ".join(out.split())
    assert "age: drift distance 0.31 above 0.1" in out
    assert code == 1


def test_status_shows_the_schedule_and_what_was_said(watched: Any, command: Callable[..., Any]) -> None:
    code, out, _ = command("monitor", "status", "--json")
    assert code == 0
    [row] = [row for row in json.loads(out)["monitors"] if row["stage"] == "prod"]
    assert (row["type"], row["expression"], row["status"]) == ("DataQuality", "cron(15 * ? * * *)", "Scheduled")
    assert (row["execution"], row["violations"], row["message"]) == ("CompletedWithViolations", 1, FOUND)


def test_a_schedule_that_somebody_has_deleted_is_told(watched: Any, command: Callable[..., Any]) -> None:
    watched.answers["GetSchedule"] = "ResourceNotFoundException: Schedule does not exist."
    _, out, _ = command("monitor", "status", "--json")
    assert [row["status"] for row in json.loads(out)["monitors"]] == ["none"]


def test_a_run_looks_at_the_running_hour_and_at_those_before_it(
    watched: Any, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"PipelineExecutionDisplayName": "asked-20260101-123456"}
    watched.answers["StartPipelineExecution"] = {"PipelineExecutionArn": f"{EXECUTION}e12"}
    watched.answers["DescribeProcessingJob"] = described({"12": FOUND}, {"12": "20260101-123456"})
    watched.answers["ListPipelineExecutions"] = {"PipelineExecutionSummaries": [pipeline_execution(12, **asked)]}
    code, out, _ = command("monitor", "run", "prod", "--hours", "3", "--json")
    assert code == 1
    [started] = watched.asked("StartPipelineExecution")
    given = {entry["Name"]: entry["Value"] for entry in started["PipelineParameters"]}
    assert started["PipelineExecutionDisplayName"] == f"asked-{given['Asked']}"
    assert given["Hours"] == "4"
    assert json.loads(out)["monitors"][0]["execution"]["folder"].endswith(f"/{NAME}/asked/20260101-123456")
    assert not watched.asked("CreateProcessingJob", "PutObject")


def test_a_run_that_finds_no_requests_says_so(watched: Any, command: Callable[..., Any]) -> None:
    watched.answers["StartPipelineExecution"] = {"PipelineExecutionArn": f"{EXECUTION}e12"}
    watched.answers["DescribeProcessingJob"] = described({"12": NO_DATA}, {"12": "20260101-123456"})
    code, _, err = command("monitor", "run", "prod")
    assert (code, "captured nothing" in err, "--hours" in err) == (1, True, True)


def test_the_window_of_a_run_ends_with_the_running_hour(aws: Any) -> None:
    aws.answers["StartPipelineExecution"] = {"PipelineExecutionArn": f"{EXECUTION}e1"}
    own_monitors.start(aws.target, NAME, 1, datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC))
    [started] = aws.asked("StartPipelineExecution")
    given = {entry["Name"]: entry["Value"] for entry in started["PipelineParameters"]}
    assert given == {"Until": "2027-01-01T00:00:00Z", "Hours": "2", "Asked": "20261231-235959"}


def test_a_start_that_is_refused_is_one_line(watched: Any, command: Callable[..., Any]) -> None:
    watched.answers["StartPipelineExecution"] = "AccessDeniedException: you may not"
    code, _, err = command("monitor", "run", "prod")
    assert (code, f"{NAME} cannot be started: you may not" in err) == (1, True)


def test_timers_go_first(aws: Any) -> None:
    aws.answers["DeleteSchedule"] = lambda r: (
        {} if r["Name"] == NAME else "ResourceNotFoundException: Schedule does not exist."
    )
    assert own_monitors.delete_timers(aws.target, "demo-prod") == [NAME]
