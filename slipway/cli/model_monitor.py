"""Whether the account has SageMaker Model Monitor, as far as reading tells: it is closed to new customers."""

from slipway.cli.target import Target

CLOSED = "Model Monitor is closed to new customers"
WITHOUT = "--parameter ModelMonitor=no"
PARAMETER = "ModelMonitor"


def in_use(target: Target) -> str:
    """What there is of it in this account and region, in words; empty when nothing is, which decides nothing."""
    client = target.client("sagemaker")
    schedules = client.list_monitoring_schedules(MaxResults=1)["MonitoringScheduleSummaries"]
    if schedules:
        return f"schedule {schedules[0]['MonitoringScheduleName']}"
    definitions = client.list_data_quality_job_definitions(MaxResults=1)["JobDefinitionSummaries"]
    return f"job definition {definitions[0]['MonitoringJobDefinitionName']}" if definitions else ""
