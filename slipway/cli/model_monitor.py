"""SageMaker Model Monitor, which is closed to new customers: who asks for it, and whether the account has it."""

from importlib.resources.abc import Traversable
from typing import Any

from slipway.cli.target import Target

CLOSED = "Model Monitor is closed to new customers"
WITHOUT = "--parameter ModelMonitor=no"
PARAMETER = "ModelMonitor"
_MONITORS = ("data_quality", "model_quality", "bias", "explainability")


def watched_stages(root: Traversable) -> tuple[str, ...]:
    """The stages of a checkout whose monitors are Model Monitor's; by default they are the project's own jobs."""
    import yaml

    def uses_model_monitor(path: Traversable) -> bool:
        try:
            document = yaml.safe_load(path.read_text()) or {}
        except (OSError, yaml.YAMLError):
            return False  # the build of the deployment says what is wrong with it
        monitor: dict[str, Any] = document.get("monitor") or {} if isinstance(document, dict) else {}
        on = any(monitor.get(name) not in (None, False, "off") for name in _MONITORS)
        return on and monitor.get("engine") == "sagemaker"

    return tuple(name for name, path in stage_files(root) if uses_model_monitor(path))


def stage_files(root: Traversable) -> list[tuple[str, Traversable]]:
    """The stages of a checkout, by name."""
    folder = root / "deploy" / "stages"
    files = {path.name: path for path in folder.iterdir()} if folder.is_dir() else {}
    return [(name.removesuffix(".yml"), files[name]) for name in sorted(files) if name.endswith(".yml")]


def in_use(target: Target) -> str:
    """What there is of it in this account and region, in words; empty when nothing is, which decides nothing."""
    client = target.client("sagemaker")
    schedules = client.list_monitoring_schedules(MaxResults=1)["MonitoringScheduleSummaries"]
    if schedules:
        return f"schedule {schedules[0]['MonitoringScheduleName']}"
    definitions = client.list_data_quality_job_definitions(MaxResults=1)["JobDefinitionSummaries"]
    return f"job definition {definitions[0]['MonitoringJobDefinitionName']}" if definitions else ""
