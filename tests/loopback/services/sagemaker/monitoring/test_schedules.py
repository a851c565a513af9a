"""Job definitions, schedules and alerts: what is accepted, refused, shown and changed."""

from typing import Any

import pytest

from loopback.core.errors import ResourceInUse, ResourceNotFound, ValidationException

from .conftest import ANALYZER, BASELINE, CLUSTER, ENDPOINT_INPUT, OUTPUT, ROLE

INLINE = {
    "BaselineConfig": BASELINE,
    "MonitoringInputs": [{"EndpointInput": ENDPOINT_INPUT}],
    "MonitoringOutputConfig": {"MonitoringOutputs": [OUTPUT]},
    "MonitoringResources": CLUSTER,
    "MonitoringAppSpecification": {"ImageUri": ANALYZER},
    "RoleArn": ROLE,
}
BATCH = {"DataCapturedDestinationS3Uri": "s3://bucket/b", "DatasetFormat": {"Csv": {}}, "LocalPath": "/opt/ml/x"}


def test_a_definition_is_described_listed_and_deleted(site: Any) -> None:
    arn = site.definition("b", Tags=[{"Key": "k", "Value": "v"}])["JobDefinitionArn"]
    assert arn == "arn:aws:sagemaker:us-east-1:000000000000:data-quality-job-definition/b"
    assert site.call("ListTags", ResourceArn=arn)["Tags"] == [{"Key": "k", "Value": "v"}]
    assert site.call("DescribeDataQualityJobDefinition", JobDefinitionName="b")["RoleArn"] == ROLE
    with pytest.raises(ResourceInUse):
        site.definition("b")
    listed = site.call("ListDataQualityJobDefinitions", EndpointName="Ep", SortBy="Name", SortOrder="Ascending")
    assert [found["MonitoringJobDefinitionName"] for found in listed["JobDefinitionSummaries"]] == ["b", "dq"]
    assert not site.call("ListDataQualityJobDefinitions", EndpointName="other")["JobDefinitionSummaries"]
    site.call("DeleteDataQualityJobDefinition", JobDefinitionName="b")
    with pytest.raises(ResourceNotFound):
        site.call("DescribeDataQualityJobDefinition", JobDefinitionName="b")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"DataQualityJobInput": {"BatchTransformInput": BATCH}}, "does not carry out BatchTransformInput"),
        ({"DataQualityJobInput": {}}, "needs an EndpointInput"),
        (
            {"DataQualityJobInput": {"EndpointInput": ENDPOINT_INPUT | {"EndpointName": "none"}}},
            'Could not find endpoint "arn:aws:sagemaker:us-east-1:000000000000:endpoint/none"',
        ),
        (
            {"DataQualityJobInput": {"EndpointInput": ENDPOINT_INPUT | {"LocalPath": "/opt/ml/input"}}},
            "LocalPath '/opt/ml/input' must start with /opt/ml/processing/",
        ),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 7200}}, "MaxRuntimeInSeconds of a monitoring job"),
        (
            {"DataQualityJobInput": {"EndpointInput": ENDPOINT_INPUT | {"FeaturesAttribute": "x"}}},
            "does not carry out FeaturesAttribute of a DataQuality monitor",
        ),
    ],
)
def test_a_definition_that_cannot_work_is_refused(site: Any, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationException, match=message):
        site.definition("x", **more)


def test_an_endpoint_without_capture_cannot_be_monitored(site: Any) -> None:
    site.endpoint("quiet", capture=None)
    with pytest.raises(ValidationException, match='endpoint/quiet" has no data capture'):
        site.definition("x", DataQualityJobInput={"EndpointInput": ENDPOINT_INPUT | {"EndpointName": "quiet"}})


@pytest.mark.parametrize(
    ("kind", "slug"),
    [("ModelBias", "model-bias-job-definition"), ("ModelExplainability", "model-explainability-job-definition")],
)
def test_a_clarify_definition_is_described_listed_used_and_deleted(site: Any, kind: str, slug: str) -> None:
    arn = site.clarify(kind, FeaturesAttribute="features")["JobDefinitionArn"]
    assert arn == f"arn:aws:sagemaker:us-east-1:000000000000:{slug}/cl"
    described = site.call(f"Describe{kind}JobDefinition", JobDefinitionName="cl")
    assert described[f"{kind}AppSpecification"]["ConfigUri"] == "s3://bucket/conf/analysis_config.json"
    listed = site.call(f"List{kind}JobDefinitions", EndpointName="Ep")["JobDefinitionSummaries"]
    assert [found["MonitoringJobDefinitionName"] for found in listed] == ["cl"]
    site.schedule(MonitoringType=kind, MonitoringJobDefinitionName="cl")
    with pytest.raises(ValidationException, match="is used by the monitoring schedule s"):
        site.call(f"Delete{kind}JobDefinition", JobDefinitionName="cl")
    site.call("DeleteMonitoringSchedule", MonitoringScheduleName="s")
    site.call(f"Delete{kind}JobDefinition", JobDefinitionName="cl")
    assert not site.call(f"List{kind}JobDefinitions")["JobDefinitionSummaries"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"MonitoringJobDefinitionName": "none"},
            "There is no job definition named none of MonitoringType DataQuality",
        ),
        (
            {"MonitoringType": "ModelQuality"},
            "no job definition named dq of MonitoringType ModelQuality; the one of that name is of type DataQuality",
        ),
        ({"MonitoringJobDefinition": INLINE, "MonitoringJobDefinitionName": "dq"}, "Give either"),
        ({"MonitoringJobDefinition": INLINE, "MonitoringType": "ModelQuality"}, "needs MonitoringJobDefinitionName"),
        ({"ScheduleConfig": {"ScheduleExpression": "cron(1 * ? * * *)"}}, "is not supported"),
    ],
)
def test_a_schedule_that_cannot_work_is_refused(site: Any, config: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationException, match=message):
        site.schedule(**config)


def test_a_schedule_from_creation_to_deletion(site: Any) -> None:
    arn = site.schedule(MonitoringJobDefinition=INLINE)["MonitoringScheduleArn"]
    assert arn == "arn:aws:sagemaker:us-east-1:000000000000:monitoring-schedule/s"
    found = site.call("DescribeMonitoringSchedule", MonitoringScheduleName="s")
    assert (found["MonitoringScheduleStatus"], found["EndpointName"]) == ("Pending", "Ep")
    site.look()
    summaries = site.call("ListMonitoringSchedules", EndpointName="Ep", StatusEquals="Scheduled")
    assert [s["MonitoringScheduleName"] for s in summaries["MonitoringScheduleSummaries"]] == ["s"]
    for operation, status in (("Stop", "Stopped"), ("Stop", "Stopped"), ("Start", "Scheduled"), ("Start", "Scheduled")):
        site.call(f"{operation}MonitoringSchedule", MonitoringScheduleName="s")
        site.look()
        found = site.call("DescribeMonitoringSchedule", MonitoringScheduleName="s")
        assert found["MonitoringScheduleStatus"] == status
    site.call("DeleteMonitoringSchedule", MonitoringScheduleName="s")
    with pytest.raises(ResourceNotFound):
        site.call("DescribeMonitoringSchedule", MonitoringScheduleName="s")


def test_a_definition_in_use_stays(site: Any) -> None:
    site.schedule()
    with pytest.raises(ValidationException, match="used by the monitoring schedule s"):
        site.call("DeleteDataQualityJobDefinition", JobDefinitionName="dq")


def test_an_update_replaces_the_definition(site: Any) -> None:
    site.schedule()
    site.look()
    site.definition("next")
    config = {"ScheduleConfig": {"ScheduleExpression": "cron(0 12 ? * * *)"}, "MonitoringJobDefinitionName": "next"}
    site.call("UpdateMonitoringSchedule", MonitoringScheduleName="s", MonitoringScheduleConfig=config)
    site.look()
    site.call("DeleteDataQualityJobDefinition", JobDefinitionName="dq")
    found = site.call("DescribeMonitoringSchedule", MonitoringScheduleName="s")
    assert found["MonitoringScheduleStatus"] == "Scheduled"
    assert found["MonitoringScheduleConfig"]["MonitoringJobDefinitionName"] == "next"
    site.at("2024-05-01T11:59:00")
    assert site.look() == 60.0
    assert not site.rows()


def test_a_stopped_schedule_that_is_updated_stays_stopped(site: Any) -> None:
    site.schedule()
    site.look()
    site.call("StopMonitoringSchedule", MonitoringScheduleName="s")
    config = {"ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"}, "MonitoringJobDefinitionName": "dq"}
    site.call("UpdateMonitoringSchedule", MonitoringScheduleName="s", MonitoringScheduleConfig=config)
    site.at("2024-05-01T09:30:00")
    site.look()
    assert not site.rows()
