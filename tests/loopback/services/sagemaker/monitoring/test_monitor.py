"""The monitor without processes: when executions begin, which jobs they are, and how they end."""

import re
import threading
from typing import Any

import pytest

from loopback.core.errors import ValidationException
from loopback.core.kinds import ENDPOINT, MONITORING_EXECUTION, PROCESSING_JOB
from loopback.services.sagemaker.monitoring.monitor import Monitor

from .conftest import CLARIFY

HOUR = "2024/05/01/07"


@pytest.fixture
def hourly(site: Any) -> Any:
    """A schedule that is due at 08:00, with captures for its first window."""
    site.schedule()
    site.look()
    site.capture(HOUR)
    return site


def test_an_hourly_execution_is_a_job_with_the_container_s_contract(hourly: Any) -> None:
    assert hourly.look() == 60.0
    hourly.at("2024-05-01T08:00:00")
    hourly.look()
    assert hourly.statuses() == ["InProgress"]
    job = hourly.job()
    assert re.fullmatch("model-monitoring-202405010800-[0-9a-f]{24}", job.name)
    environment = hourly.environment(job)
    assert environment == {
        "dataset_format": {"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}},
        "dataset_source": "/opt/ml/processing/input/endpoint",
        "output_path": "/opt/ml/processing/output",
        "publish_cloudwatch_metrics": "Disabled",
        "start_time": "2024-05-01T07:00:00Z",
        "end_time": "2024-05-01T08:00:00Z",
        "sagemaker_endpoint_name": "Ep",
        "sagemaker_monitoring_schedule_name": "s",
        "sagemaker_endpoint_datacapture_prefix": "s3://bucket/captured/Ep",
        "baseline_statistics": "/opt/ml/processing/baseline/stats/statistics.json",
        "baseline_constraints": "/opt/ml/processing/baseline/constraints/constraints.json",
    }
    inputs = {
        entry["InputName"]: (entry["S3Input"]["S3Uri"], entry["S3Input"]["LocalPath"])
        for entry in job.doc["ProcessingInputs"]
    }
    assert inputs == {
        "endpoint_input_1": (
            f"s3://bucket/captured/Ep/AllTraffic/{HOUR}/",
            f"/opt/ml/processing/input/endpoint/Ep/AllTraffic/{HOUR}",
        ),
        "baseline": ("s3://bucket/base/statistics.json", "/opt/ml/processing/baseline/stats"),
        "constraints": ("s3://bucket/base/constraints.json", "/opt/ml/processing/baseline/constraints"),
    }
    output = job.doc["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]
    assert output["S3Uri"] == "s3://bucket/reports/Ep/s/2024/05/01/08"


@pytest.mark.parametrize(
    ("event", "result", "status", "reason"),
    [
        ("complete", {"ExitMessage": "Completed: Job completed successfully with no violations."}, "Completed", None),
        (
            "complete",
            {"ExitMessage": "CompletedWithViolations: Job completed successfully with 2 violations."},
            "CompletedWithViolations",
            None,
        ),
        (
            "fail",
            {"FailureReason": "AlgorithmError: Error: no such column"},
            "Failed",
            "AlgorithmError: Error: no such",
        ),
        ("halt", {"secondary": "MaxRuntimeExceeded"}, "Stopped", "MaxRuntimeExceeded"),
        ("halt", {"secondary": "Stopped"}, "Stopped", None),
    ],
)
def test_an_execution_ends_as_its_job_did(
    hourly: Any, event: str, result: dict[str, Any], status: str, reason: str | None
) -> None:
    hourly.at("2024-05-01T08:00:00")
    hourly.look()
    hourly.end_job(event, **result)
    ended = hourly.executions()[0]
    assert ended["MonitoringExecutionStatus"] == status
    assert (ended["FailureReason"] or "").startswith(reason or "")
    assert bool(ended["FailureReason"]) == bool(reason)
    last = hourly.call("DescribeMonitoringSchedule", MonitoringScheduleName="s")["LastMonitoringExecutionSummary"]
    assert last["MonitoringExecutionStatus"] == status
    hourly.look()
    assert hourly.rows() == 1


def test_a_job_that_is_stopped_is_followed_through_stopping(hourly: Any) -> None:
    hourly.at("2024-05-01T08:00:00")
    hourly.look()
    name = hourly.job().name
    hourly.store.fire(PROCESSING_JOB, name, "lease")
    hourly.call("StopProcessingJob", ProcessingJobName=name)
    hourly.look()
    assert hourly.statuses() == ["Stopping"]
    hourly.end_job("halt", secondary="Stopped")
    assert hourly.statuses() == ["Stopped"]


def test_an_hour_without_captures_fails_in_aws_s_words(hourly: Any) -> None:
    hourly.at("2024-05-01T09:00:00")
    hourly.objects.buckets["bucket"].pop(f"captured/Ep/AllTraffic/{HOUR}/00-00-000-x.jsonl")
    hourly.look()
    execution = hourly.executions()[0]
    assert (execution["MonitoringExecutionStatus"], execution["FailureReason"]) == ("Failed", "Job inputs had no data")
    assert execution["ProcessingJobArn"] is None


def test_a_due_time_is_run_once_however_often_one_looks(hourly: Any) -> None:
    hourly.at("2024-05-01T08:00:00")
    for _ in range(3):
        hourly.look()
    other = Monitor(hourly.context, hourly.clock, settle_seconds=0.0)  # the process after a kill -9
    other.recover()
    other.look()
    assert hourly.rows() == 1


def test_missed_hours_are_made_up_for_where_something_was_captured(hourly: Any) -> None:
    hourly.capture("2024/05/01/09")
    hourly.at("2024-05-01T12:10:00")
    hourly.look()
    due = [(e["ScheduledTime"] % 86400 / 3600, e["MonitoringExecutionStatus"]) for e in hourly.executions()]
    assert due == [(8.0, "InProgress"), (10.0, "InProgress"), (12.0, "Failed")]


def test_a_lost_job_is_made_anew_and_the_third_loss_is_a_failure(hourly: Any) -> None:
    hourly.at("2024-05-01T08:00:00")
    hourly.look()
    lost = {"FailureReason": "InternalServerError: (loopback was restarted)", "failure_kind": "x"}
    names = []
    for _ in range(3):
        assert hourly.statuses() == ["InProgress"]
        names.append(hourly.job().name)
        hourly.end_job("lose", **lost)
    assert hourly.statuses() == ["Failed"]
    assert "loopback was restarted" in hourly.executions()[0]["FailureReason"]
    assert len(set(names)) == 3


def test_now_runs_at_once_and_again_when_it_is_asked_to(site: Any) -> None:
    site.capture(HOUR)
    site.schedule(expression="NOW")
    site.look()
    assert site.statuses() == ["InProgress"]
    assert len([e for e in site.job().doc["ProcessingInputs"] if e["InputName"].startswith("endpoint_input")]) == 1
    site.end_job(ExitMessage="Completed: ...")
    assert site.look() is None
    for operation in ("Start", "Stop", "Start"):  # the first one changes nothing
        site.call(f"{operation}MonitoringSchedule", MonitoringScheduleName="s")
        site.look()
    assert site.statuses() == ["Completed", "InProgress"]


def test_a_schedule_whose_execution_runs_cannot_be_deleted_and_executions_outlive_it(hourly: Any) -> None:
    hourly.at("2024-05-01T08:00:00")
    hourly.look()
    with pytest.raises(ValidationException, match="has an execution in progress"):
        hourly.call("DeleteMonitoringSchedule", MonitoringScheduleName="s")
    hourly.end_job()
    hourly.call("DeleteMonitoringSchedule", MonitoringScheduleName="s")
    assert hourly.statuses() == ["Completed"]
    hourly.schedule()  # the name has a new life, and windows of its own
    hourly.at("2024-05-01T08:00:30")
    hourly.look()
    hourly.at("2024-05-01T09:00:00")
    hourly.look()
    assert hourly.rows() == 2


def test_an_endpoint_that_is_gone_is_the_execution_s_failure(hourly: Any) -> None:
    hourly.store.delete(ENDPOINT, "ep")
    hourly.at("2024-05-01T08:00:00")
    hourly.look()
    assert 'Could not find endpoint "Ep"' in hourly.executions()[0]["FailureReason"]


def test_scripts_and_attributes_reach_the_container(site: Any) -> None:
    site.definition(
        "x",
        DataQualityAppSpecification={
            "ImageUri": "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer",
            "RecordPreprocessorSourceUri": "s3://bucket/code/pre.py",
            "PostAnalyticsProcessorSourceUri": "s3://bucket/code/post.py",
            "Environment": {"publish_cloudwatch_metrics": "Enabled", "MINE": "1", "dataset_source": "/etc"},
        },
    )
    site.capture(HOUR)
    site.schedule(expression="NOW", MonitoringJobDefinitionName="x")
    site.look()
    environment = site.environment(site.job())
    assert environment["record_preprocessor_script"] == "/opt/ml/processing/code/preprocessing/pre.py"
    assert environment["post_analytics_processor_script"] == "/opt/ml/processing/code/postprocessing/post.py"
    assert (environment["publish_cloudwatch_metrics"], environment["MINE"]) == ("Enabled", "1")
    assert environment["dataset_source"] == "/opt/ml/processing/input/endpoint"


def test_a_baselining_job_stands_for_the_documents_it_wrote(site: Any) -> None:
    outputs = [{"OutputName": "o", "S3Output": {"S3Uri": "s3://bucket/made", "LocalPath": "/opt/ml/processing/output"}}]
    site.store.create(PROCESSING_JOB, "baselining", {"ProcessingOutputConfig": {"Outputs": outputs}})
    site.definition("x", DataQualityBaselineConfig={"BaseliningJobName": "baselining"})
    site.capture(HOUR)
    site.schedule(expression="NOW", MonitoringJobDefinitionName="x")
    site.look()
    uris = {e["InputName"]: e["S3Input"]["S3Uri"] for e in site.job().doc["ProcessingInputs"]}
    assert uris["baseline"] == "s3://bucket/made/statistics.json"
    assert uris["constraints"] == "s3://bucket/made/constraints.json"


class TestModelQuality:
    """Two jobs: the first joins captures with ground truth, the second judges."""

    @pytest.fixture
    def daily(self, site: Any) -> Any:
        site.model_quality(StartTimeOffset="-P1D", EndTimeOffset="-PT1H")
        config = {"MonitoringType": "ModelQuality", "MonitoringJobDefinitionName": "mq"}
        site.schedule(expression="cron(0 12 ? * * *)", **config)
        site.look()
        site.capture(HOUR)
        site.at("2024-05-01T12:00:00")
        return site

    def test_the_merge_comes_first_and_the_analysis_reads_what_it_wrote(self, daily: Any) -> None:
        daily.objects.buckets["bucket"][f"truth/{HOUR}/labels.jsonl"] = b"{}\n"
        daily.look()
        merge = daily.job()
        assert merge.doc["AppSpecification"]["ImageUri"] == (
            "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-groundtruth-merger"
        )
        assert [e["S3Input"]["LocalPath"] for e in merge.doc["ProcessingInputs"]] == [
            f"/opt/ml/processing/input/endpoint/Ep/AllTraffic/{HOUR}",
            f"/opt/ml/processing/groundtruth/{HOUR}",
        ]
        assert merge.doc["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"] == "s3://bucket/reports/merge/Ep"
        daily.objects.buckets["bucket"][f"reports/merge/Ep/AllTraffic/{HOUR}/part-0.jsonl"] = b"{}\n"
        daily.end_job(ExitMessage="Merged 1 of 1")
        assert daily.statuses() == ["InProgress"]
        kind, _, suffix = merge.name.rpartition("-")
        assert (kind, len(suffix)) == ("groundtruth-merge-202405011200", 24)
        assert daily.job().name == f"model-quality-monitoring-202405011200-{suffix}"
        environment = daily.environment(daily.job())
        assert environment["analysis_type"] == "MODEL_QUALITY"
        assert environment["problem_type"] == "BinaryClassification"
        assert environment["probability_attribute"] == "0"
        assert "baseline_statistics" not in environment
        assert (environment["start_time"], environment["end_time"]) == ("2024-04-30T12:00:00Z", "2024-05-01T11:00:00Z")
        daily.end_job(ExitMessage="Completed: ...")
        assert daily.statuses() == ["Completed"]

    def test_without_ground_truth_it_says_so(self, daily: Any) -> None:
        daily.look()
        assert "no ground truth below s3://bucket/truth" in daily.executions()[0]["FailureReason"]


class TestClarify:
    """Bias reads captures with their labels, explainability all captures; both read the analysis configuration."""

    @staticmethod
    def inputs(job: Any) -> dict[str, tuple[str, str]]:
        entries = [(entry["InputName"], entry["S3Input"]) for entry in job.doc["ProcessingInputs"]]
        return {name: (source["S3Uri"], source["LocalPath"]) for name, source in entries}

    def test_bias_is_merged_first(self, site: Any) -> None:
        site.clarify("ModelBias", ProbabilityThresholdAttribute=0.7)
        site.capture(HOUR)
        site.objects.buckets["bucket"][f"truth/{HOUR}/labels.jsonl"] = b"{}\n"
        site.schedule(expression="NOW", MonitoringType="ModelBias", MonitoringJobDefinitionName="cl")
        site.look()
        assert site.job().doc["AppSpecification"]["ImageUri"].endswith("/sagemaker-model-monitor-groundtruth-merger")
        site.objects.buckets["bucket"][f"reports/merge/Ep/AllTraffic/{HOUR}/part-0.jsonl"] = b"{}\n"
        site.end_job(ExitMessage="Completed: merged 1 of 1 captured records with ground truth.")
        job = site.job()
        assert job.name.startswith("model-bias-monitoring-")
        assert job.doc["AppSpecification"] == {"ImageUri": CLARIFY}
        environment = site.environment(job)
        assert environment["analysis_type"] == "MODEL_BIAS"
        assert (environment["probability_attribute"], environment["probability_threshold_attribute"]) == ("0", "0.7")
        assert environment["baseline_constraints"] == "/opt/ml/processing/baseline/constraints/analysis.json"
        assert self.inputs(job) == {
            "endpoint_input_1": (
                f"s3://bucket/reports/merge/Ep/AllTraffic/{HOUR}/",
                f"/opt/ml/processing/input/endpoint/Ep/AllTraffic/{HOUR}",
            ),
            "analysis_config": ("s3://bucket/conf/analysis_config.json", "/opt/ml/processing/input/config"),
            "constraints": ("s3://bucket/base/analysis.json", "/opt/ml/processing/baseline/constraints"),
        }
        site.end_job(ExitMessage="CompletedWithViolations: Job completed successfully with 2 violations.")
        assert site.statuses() == ["CompletedWithViolations"]

    def test_explainability_reads_the_captures(self, site: Any) -> None:
        site.clarify("ModelExplainability", FeaturesAttribute="features", ExcludeFeaturesAttribute="a,b")
        site.capture(HOUR)
        site.schedule(expression="NOW", MonitoringType="ModelExplainability", MonitoringJobDefinitionName="cl")
        site.look()
        environment = site.environment(site.job())
        assert environment["analysis_type"] == "MODEL_EXPLAINABILITY"
        assert (environment["features_attribute"], environment["exclude_features_attribute"]) == ("features", "a,b")
        assert self.inputs(site.job())["endpoint_input_1"][0] == f"s3://bucket/captured/Ep/AllTraffic/{HOUR}/"

    def test_a_baselining_job_of_clarify_wrote_an_analysis(self, site: Any) -> None:
        outputs = [{"OutputName": "o", "S3Output": {"S3Uri": "s3://bucket/made", "LocalPath": "/opt/ml/processing/x"}}]
        site.store.create(PROCESSING_JOB, "baselining", {"ProcessingOutputConfig": {"Outputs": outputs}})
        site.clarify("ModelExplainability")
        definition = site.call("DescribeModelExplainabilityJobDefinition", JobDefinitionName="cl")
        request = {key: value for key, value in definition.items() if key not in ("JobDefinitionArn", "CreationTime")}
        request |= {"JobDefinitionName": "x", "ModelExplainabilityBaselineConfig": {"BaseliningJobName": "baselining"}}
        site.call("CreateModelExplainabilityJobDefinition", **request)
        site.capture(HOUR)
        site.schedule(expression="NOW", MonitoringType="ModelExplainability", MonitoringJobDefinitionName="x")
        site.look()
        assert self.inputs(site.job())["constraints"][0] == "s3://bucket/made/analysis.json"


class TestLateLabels:
    """Labels lie in the hour of their request, whenever they come; an execution sees those that are there by then."""

    LABELS = f"truth/{HOUR}/labels.jsonl"

    def schedule(self, site: Any, **offsets: str) -> None:
        site.model_quality(**offsets)
        site.schedule(MonitoringType="ModelQuality", MonitoringJobDefinitionName="mq")
        site.look()
        site.capture(HOUR)

    def test_labels_that_come_after_the_window_are_not_seen(self, site: Any) -> None:
        self.schedule(site)
        site.at("2024-05-01T08:00:00")
        site.look()
        site.objects.buckets["bucket"][self.LABELS] = b"{}\n"
        site.at("2024-05-01T09:00:00")
        site.look()
        reasons = [execution["FailureReason"] for execution in site.executions()]
        assert "there is no ground truth below s3://bucket/truth for the hours analyzed" in reasons[0]
        assert reasons[1] == "Job inputs had no data"  # the next window has nothing of that hour

    def test_a_window_that_lies_as_far_back_as_labels_take_sees_them(self, site: Any) -> None:
        self.schedule(site, StartTimeOffset="-PT4H", EndTimeOffset="-PT3H")
        for hour in ("08", "09", "10"):
            site.at(f"2024-05-01T{hour}:00:00")
            site.look()
        site.objects.buckets["bucket"][self.LABELS] = b"{}\n"
        site.at("2024-05-01T11:00:00")
        site.look()
        assert site.statuses() == ["Failed", "Failed", "Failed", "InProgress"]
        assert site.job().doc["ProcessingInputs"][1]["S3Input"]["S3Uri"] == f"s3://bucket/truth/{HOUR}/"


class Passing:
    """What the loop waits on, where time passes only by waiting. It ends the loop after so many waits."""

    def __init__(self, clock: Any, waits: int) -> None:
        self.clock, self.left, self.end = clock, waits, lambda: None
        self.waited: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout)
        self.clock.now += timeout or 0.0
        self.left -= 1
        if self.left <= 0 or (timeout is None and len(self.waited) > 1):
            self.end()
        return False

    def set(self) -> None:
        pass

    def clear(self) -> None:
        pass


def test_an_hourly_execution_starts_by_the_clock(site: Any) -> None:
    site.schedule()
    for hour in ("07", "08"):
        site.capture(f"2024/05/01/{hour}")
    wake = Passing(site.clock, 100)
    monitor = Monitor(site.context, site.clock, settle_seconds=2.0, wake=wake)
    wake.end = monitor.close
    begun: list[tuple[float, float]] = []
    fire = site.store.fire

    def seen(kind: Any, name: str, event: str, *more: Any, **named: Any) -> Any:
        if kind is MONITORING_EXECUTION and event == "begin":
            begun.append(
                (site.clock.now % 86400 / 3600, site.store.get(kind, name).doc["ScheduledTime"] % 86400 / 3600)
            )
        return fire(kind, name, event, *more, **named)

    site.store.fire = seen
    monitor.loop()  # nobody says that anything has changed
    settled = 2 / 3600
    assert begun == [pytest.approx((8 + settled, 8)), pytest.approx((9 + settled, 9))]
    assert max(wait for wait in wake.waited if wait is not None) <= 60.0


def test_an_alert_follows_the_latest_executions(hourly: Any) -> None:
    hourly.call(
        "UpdateMonitoringAlert",
        MonitoringScheduleName="s",
        MonitoringAlertName="s",
        DatapointsToAlert=2,
        EvaluationPeriod=3,
    )
    seen = []
    for hour, message in enumerate(
        ["CompletedWithViolations: 1", "Completed: ", "CompletedWithViolations: 1", "Completed: ", "Completed: "], 8
    ):
        hourly.capture(f"2024/05/01/{hour - 1:02}")
        hourly.at(f"2024-05-01T{hour:02}:00:00")
        hourly.look()
        hourly.end_job(ExitMessage=message)
        alert = hourly.call("ListMonitoringAlerts", MonitoringScheduleName="s")["MonitoringAlertSummaries"][0]
        seen.append(alert["AlertStatus"])
    assert seen == ["OK", "OK", "InAlert", "OK", "OK"]
    history = hourly.call("ListMonitoringAlertHistory", SortOrder="Ascending")["MonitoringAlertHistory"]
    assert [entry["AlertStatus"] for entry in history] == ["InAlert", "OK"]
    with pytest.raises(ValidationException, match="must not be greater than EvaluationPeriod"):
        hourly.call(
            "UpdateMonitoringAlert",
            MonitoringScheduleName="s",
            MonitoringAlertName="s",
            DatapointsToAlert=3,
            EvaluationPeriod=2,
        )


def test_executions_are_listed_by_their_filters(hourly: Any) -> None:
    for hour in (8, 9):
        hourly.capture(f"2024/05/01/{hour - 1:02}")
        hourly.at(f"2024-05-01T{hour:02}:00:00")
        hourly.look()
        hourly.end_job()
    newest = hourly.call("ListMonitoringExecutions", SortBy="ScheduledTime", MaxResults=1)
    assert newest["MonitoringExecutionSummaries"][0]["ScheduledTime"] % 86400 == 9 * 3600
    rest = hourly.call("ListMonitoringExecutions", SortBy="ScheduledTime", NextToken=newest["NextToken"])
    assert [e["ScheduledTime"] % 86400 for e in rest["MonitoringExecutionSummaries"]] == [8 * 3600]
    assert len(hourly.executions(EndpointName="Ep", MonitoringTypeEquals="DataQuality")) == 2
    assert not hourly.executions(MonitoringScheduleName="other")
    assert not hourly.executions(StatusEquals="Failed")
    assert (
        len(hourly.executions(ScheduledTimeAfter=newest["MonitoringExecutionSummaries"][0]["ScheduledTime"] - 1)) == 1
    )


def test_the_loop_wakes_for_what_changes_and_ends(hourly: Any) -> None:
    thread = threading.Thread(target=hourly.monitor.loop)
    thread.start()
    hourly.at("2024-05-01T08:00:00")
    hourly.monitor.on_change(MONITORING_EXECUTION.slug, "x")
    for _ in range(200):
        if hourly.rows():
            break
        threading.Event().wait(0.01)
    hourly.monitor.close()
    thread.join(5)
    assert hourly.rows() == 1
    assert not thread.is_alive()
