"""`slipway monitor` on an AWS that is played: what is asked of it, said and returned."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from slipway.cli import monitor, monitor_executions, monitor_job, projects
from slipway.cli.target import Target
from tests.slipway.cli.monitored_stage import ARN, DEFINITION, HEADED, NOW, PROJECT, job, played


@pytest.fixture
def watched(aws: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(projects, "require", lambda _: PROJECT)
    aws.answers |= played()
    return aws


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


EXPLAINED = {
    "JobDefinitionArn": DEFINITION["JobDefinitionArn"],
    "JobDefinitionName": "dq",
    "CreationTime": NOW,
    "ModelExplainabilityAppSpecification": {"ImageUri": "clarify", "ConfigUri": "s3://b/config/analysis_config.json"},
    "ModelExplainabilityBaselineConfig": {"ConstraintsResource": {"S3Uri": "s3://b/base/analysis.json"}},
    "ModelExplainabilityJobInput": {
        "EndpointInput": {
            "EndpointName": "demo-prod",
            "LocalPath": "/opt/ml/processing/input/endpoint",
            "InferenceAttribute": "0",
        }
    },
    "ModelExplainabilityJobOutputConfig": DEFINITION["DataQualityJobOutputConfig"],
    "JobResources": DEFINITION["JobResources"],
    "RoleArn": DEFINITION["RoleArn"],
}


def test_explanations_can_be_run_now_too(watched: Any, command: Callable[..., Any]) -> None:
    schedules = {"MonitoringScheduleSummaries": [HEADED | {"MonitoringType": "ModelExplainability"}]}
    watched.answers |= {
        "ListMonitoringSchedules": schedules,
        "DescribeModelExplainabilityJobDefinition": EXPLAINED,
    }
    code, _, err = command("monitor", "run", "prod", "--monitor", "explainability", "--no-wait")
    assert (code, err) == (0, "")
    [request] = watched.asked("CreateProcessingJob")
    environment = request["Environment"]
    assert (environment["analysis_type"], environment["inference_attribute"]) == ("MODEL_EXPLAINABILITY", "0")
    assert environment["baseline_constraints"] == "/opt/ml/processing/baseline/constraints/analysis.json"
    places = {entry["S3Input"]["S3Uri"]: entry["S3Input"]["LocalPath"] for entry in request["ProcessingInputs"]}
    assert places["s3://b/config/analysis_config.json"] == "/opt/ml/processing/input/config"


@pytest.mark.parametrize(
    ("kind", "code", "told"),
    [
        ("bias", 1, "bias compares with labels, which the running hour cannot have yet"),
        ("model_quality", 1, "model_quality compares with labels"),
        ("explainability", 1, "demo-prod has no monitor of explainability; set `monitor` in deploy/stages/prod.yml"),
        ("quality", 2, "There is no monitor quality; there is: data_quality, explainability, model_quality, bias"),
    ],
)
def test_a_monitor_that_cannot_be_run(
    watched: Any, command: Callable[..., Any], kind: str, code: int, told: str
) -> None:
    ended, _, err = command("monitor", "run", "prod", "--monitor", kind)
    assert (ended, err.count("\n")) == (code, 1)
    assert told in err


def test_how_many_requests_had_a_label_is_said(watched: Any, command: Callable[..., Any]) -> None:
    name, said = "groundtruth-merge-202601011200-1", "merged 50 of 60 captured records with ground truth. 10 have none"
    merge = job(name) | {"ExitMessage": f"Completed: {said} (yet)."}
    joined = {"any": merge | {"Environment": {"sagemaker_monitoring_schedule_name": "any"}}, "other": merge}
    watched.answers |= {
        "ListMonitoringSchedules": lambda r: {
            "MonitoringScheduleSummaries": [HEADED | {"MonitoringType": "ModelQuality"}]
            * (r["EndpointName"] == "demo-prod")
        },
        "ListProcessingJobs": lambda r: {
            "ProcessingJobSummaries": [joined["other"], joined["any"]] * (r["NameContains"] == name[:-2])
        },
        "DescribeProcessingJob": lambda r: joined["any"] if r["ProcessingJobName"] == name else job("j"),
    }
    _, out, _ = command("monitor", "status", "--json")
    assert json.loads(out)["monitors"][0]["message"].endswith(f"with 1 violations. Labels: {said} (yet).")


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
