"""SageMaker Model Monitor, which is closed to new customers: who asks for it, and whether the account has it."""

from pathlib import Path
from typing import Any

from slipway.cli.target import Target

CLOSED = "Model Monitor is closed to new customers"
WITHOUT = "--parameter ModelMonitor=no"
PARAMETER = "ModelMonitor"
_MONITORS = ("data_quality", "model_quality", "bias", "explainability")


def watched_stages(root: Path) -> tuple[str, ...]:
    """The stages of a checkout whose monitors are Model Monitor's; by default they are the project's own jobs."""
    import yaml

    def uses_model_monitor(path: Path) -> bool:
        try:
            document = yaml.safe_load(path.read_text()) or {}
        except (OSError, yaml.YAMLError):
            return False  # the build of the deployment says what is wrong with it
        monitor: dict[str, Any] = document.get("monitor") or {} if isinstance(document, dict) else {}
        on = any(monitor.get(name) not in (None, False, "off") for name in _MONITORS)
        return on and monitor.get("engine") == "sagemaker"

    return tuple(path.stem for path in sorted((root / "deploy" / "stages").glob("*.yml")) if uses_model_monitor(path))


def in_use(target: Target) -> str:
    """What there is of it in this account and region, in words; empty when nothing is, which decides nothing."""
    client = target.client("sagemaker")
    schedules = client.list_monitoring_schedules(MaxResults=1)["MonitoringScheduleSummaries"]
    if schedules:
        return f"schedule {schedules[0]['MonitoringScheduleName']}"
    definitions = client.list_data_quality_job_definitions(MaxResults=1)["JobDefinitionSummaries"]
    return f"job definition {definitions[0]['MonitoringJobDefinitionName']}" if definitions else ""
