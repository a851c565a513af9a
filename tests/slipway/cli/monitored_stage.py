"""A production endpoint whose monitor found drift: what AWS tells of it."""

import io
import json
from datetime import UTC, datetime
from typing import Any

from slipway.cli import projects

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


def played() -> dict[str, Any]:
    """What AWS answers where an hourly monitor of production found drift at 11 and 12, and none at 10."""
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

    return {
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
