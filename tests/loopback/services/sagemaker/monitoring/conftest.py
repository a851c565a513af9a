"""An endpoint that captures, job definitions for it, and a monitor whose clock and jobs the test moves."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from loopback.core.kinds import ENDPOINT, MONITORING_EXECUTION, PROCESSING_JOB
from loopback.services.sagemaker import endpoint_configs as _configs  # noqa: F401  # it registers itself
from loopback.services.sagemaker import endpoints as _endpoints  # noqa: F401  # it registers itself
from loopback.services.sagemaker.monitoring.monitor import Monitor

ROLE = "arn:aws:iam::000000000000:role/monitor"
ANALYZER = "156813124566.dkr.ecr.us-east-1.amazonaws.com/sagemaker-model-monitor-analyzer"
CLARIFY = "205585389593.dkr.ecr.us-east-1.amazonaws.com/sagemaker-clarify-processing:1.0"
XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:3.2-0"
CLUSTER = {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}}
CAPTURE = {
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://bucket/captured",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
}
OUTPUT = {"S3Output": {"S3Uri": "s3://bucket/reports/", "LocalPath": "/opt/ml/processing/output"}}
ENDPOINT_INPUT = {"EndpointName": "Ep", "LocalPath": "/opt/ml/processing/input/endpoint"}
BASELINE = {
    "StatisticsResource": {"S3Uri": "s3://bucket/base/statistics.json"},
    "ConstraintsResource": {"S3Uri": "s3://bucket/base/constraints.json"},
}


class Site:
    """What a test does to the monitor, and sees of it."""

    def __init__(self, sagemaker: Any, context: Any, objects: Any, clock: Any) -> None:
        self.call, self.store, self.objects, self.clock = sagemaker, context.store, objects, clock
        self.context = context
        self.monitor = Monitor(context, clock, settle_seconds=0.0)

    def endpoint(self, name: str = "Ep", capture: Any = CAPTURE) -> None:
        self.objects.buckets["bucket"]["model.tar.gz"] = b"x"
        container = {"Image": XGBOOST, "ModelDataUrl": "s3://bucket/model.tar.gz"}
        self.call("CreateModel", ModelName=f"m-{name}", PrimaryContainer=container, ExecutionRoleArn=ROLE)
        variant = {"VariantName": "AllTraffic", "ModelName": f"m-{name}", "InstanceType": "ml.m5.large"}
        more = {"DataCaptureConfig": capture} if capture else {}
        variants = [variant | {"InitialInstanceCount": 1}]
        self.call("CreateEndpointConfig", EndpointConfigName=f"c-{name}", ProductionVariants=variants, **more)
        self.call("CreateEndpoint", EndpointName=name, EndpointConfigName=f"c-{name}")
        pending = self.store.get(ENDPOINT, name.lower()).result["pending"]
        self.store.fire(ENDPOINT, name.lower(), "serve", {"serving": pending, "pending": None})

    def definition(self, name: str = "dq", **more: Any) -> dict[str, Any]:
        request = {
            "JobDefinitionName": name,
            "DataQualityAppSpecification": {"ImageUri": ANALYZER},
            "DataQualityBaselineConfig": BASELINE,
            "DataQualityJobInput": {"EndpointInput": ENDPOINT_INPUT},
            "DataQualityJobOutputConfig": {"MonitoringOutputs": [OUTPUT]},
            "JobResources": CLUSTER,
            "RoleArn": ROLE,
        }
        return dict(self.call("CreateDataQualityJobDefinition", **(request | more)))

    def model_quality(self, name: str = "mq", **source: Any) -> dict[str, Any]:
        request = {
            "JobDefinitionName": name,
            "ModelQualityAppSpecification": {"ImageUri": ANALYZER, "ProblemType": "BinaryClassification"},
            "ModelQualityBaselineConfig": {"ConstraintsResource": BASELINE["ConstraintsResource"]},
            "ModelQualityJobInput": {
                "EndpointInput": ENDPOINT_INPUT | {"ProbabilityAttribute": "0"} | source,
                "GroundTruthS3Input": {"S3Uri": "s3://bucket/truth"},
            },
            "ModelQualityJobOutputConfig": {"MonitoringOutputs": [OUTPUT]},
            "JobResources": CLUSTER,
            "RoleArn": ROLE,
        }
        return dict(self.call("CreateModelQualityJobDefinition", **request))

    def clarify(self, kind: str, name: str = "cl", **source: Any) -> dict[str, Any]:
        """A definition of ModelBias or ModelExplainability."""
        truth = {"GroundTruthS3Input": {"S3Uri": "s3://bucket/truth"}} if kind == "ModelBias" else {}
        request = {
            "JobDefinitionName": name,
            f"{kind}AppSpecification": {"ImageUri": CLARIFY, "ConfigUri": "s3://bucket/conf/analysis_config.json"},
            f"{kind}BaselineConfig": {"ConstraintsResource": {"S3Uri": "s3://bucket/base/analysis.json"}},
            f"{kind}JobInput": {"EndpointInput": ENDPOINT_INPUT | {"ProbabilityAttribute": "0"} | source, **truth},
            f"{kind}JobOutputConfig": {"MonitoringOutputs": [OUTPUT]},
            "JobResources": CLUSTER,
            "RoleArn": ROLE,
        }
        return dict(self.call(f"Create{kind}JobDefinition", **request))

    def schedule(self, name: str = "s", expression: str = "cron(0 * ? * * *)", **config: Any) -> dict[str, Any]:
        window = {"DataAnalysisStartTime": "-PT1H", "DataAnalysisEndTime": "-PT0H"} if expression == "NOW" else {}
        given = {"ScheduleConfig": {"ScheduleExpression": expression, **window}, "MonitoringType": "DataQuality"}
        given |= {} if "MonitoringJobDefinition" in config else {"MonitoringJobDefinitionName": "dq"}
        return dict(
            self.call("CreateMonitoringSchedule", MonitoringScheduleName=name, MonitoringScheduleConfig=given | config)
        )

    def at(self, moment: str) -> None:
        self.clock.now = datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()

    def capture(self, hour: str, variant: str = "AllTraffic") -> None:
        self.objects.buckets["bucket"][f"captured/Ep/{variant}/{hour}/00-00-000-x.jsonl"] = b"{}\n"

    def look(self) -> float | None:
        return self.monitor.look()

    def executions(self, **filters: Any) -> list[dict[str, Any]]:
        found = self.call("ListMonitoringExecutions", SortOrder="Ascending", MaxResults=100, **filters)
        return list(found["MonitoringExecutionSummaries"])

    def statuses(self) -> list[str]:
        return [execution["MonitoringExecutionStatus"] for execution in self.executions()]

    def job(self, index: int = -1) -> Any:
        """The job of an execution, as a row."""
        name = self.executions()[index]["ProcessingJobArn"].rpartition("/")[2]
        return self.store.get(PROCESSING_JOB, name)

    def end_job(self, event: str = "complete", **result: Any) -> None:
        """What a worker does."""
        job = self.job()
        if job.status == "Queued":
            self.store.fire(PROCESSING_JOB, job.name, "lease")
        self.store.fire(PROCESSING_JOB, job.name, event, result)
        self.look()

    def rows(self) -> int:
        return len(self.store.find(MONITORING_EXECUTION))

    @staticmethod
    def environment(job: Any) -> dict[str, Any]:
        given: dict[str, Any] = dict(job.doc["Environment"])
        return given | {"dataset_format": json.loads(given["dataset_format"])}


@pytest.fixture
def site(sagemaker: Any, context: Any, objects: Any, clock: Any) -> Site:
    made = Site(sagemaker, context, objects, clock)
    made.at("2024-05-01T07:30:00")
    made.endpoint()
    made.definition()
    return made
