"""Step caching: which attributes make two runs of a step equal, and for how long."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from loopback.engines.pipelines.model import Step

# QualityCheckConfig or ClarifyCheckConfig and CheckJobConfig of the documentation, as the definition spells them: the
# processing request without its output location, which holds the execution id.
_CHECK_ATTRIBUTES = (
    "AppSpecification",
    "Environment",
    "ProcessingInputs",
    "ProcessingResources",
    "RoleArn",
    "StoppingCondition",
    "NetworkConfig",
    "CheckType",
    "SkipCheck",
    "RegisterNewBaseline",
    "ModelPackageGroupName",
    "SuppliedBaselineConstraints",
)
# What AWS compares, by step type; nothing else matters (instances, role, outputs, tags, ...).
_KEY_ATTRIBUTES = {
    "Processing": ("AppSpecification", "Environment", "ProcessingInputs"),
    "Training": (
        "AlgorithmSpecification",
        "CheckpointConfig",
        "DebugHookConfig",
        "DebugRuleConfigurations",
        "Environment",
        "HyperParameters",
        "InputDataConfig",
    ),
    "Transform": ("DataProcessing", "Environment", "ModelName", "TransformInput"),
    "Tuning": (
        "HyperParameterTuningJobConfig",
        "TrainingJobDefinition.AlgorithmSpecification",
        "TrainingJobDefinition.HyperParameterRanges",
        "TrainingJobDefinition.InputDataConfig",
        "TrainingJobDefinition.StaticHyperParameters",
        "TrainingJobDefinition.TuningObjective",
        "TrainingJobDefinitions",
    ),
    "QualityCheck": (*_CHECK_ATTRIBUTES, "SuppliedBaselineStatistics"),
    "ClarifyCheck": (*_CHECK_ATTRIBUTES, "ModelName"),
}
_ALLOWED_TYPES = (*_KEY_ATTRIBUTES, "Lambda", "Callback", "EndpointConfig", "Endpoint")  # the last four never hit
_DATE = {"Y": 365.0, "M": 30.0, "W": 7.0, "D": 1.0}
_TIME = {"H": 3600.0, "M": 60.0, "S": 1.0}
_FIELD = re.compile(r"(\d+(?:\.\d+)?)([A-Z])")


def duration(text: str) -> timedelta:
    """Read `P30D`, `p30d`, `PT1H`, `P4DT12H`, `30d`, `T16m`, `30dT5h`; a year is 365 days, a month 30."""
    written = text.upper().removeprefix("P")
    dates, marker, times = written.partition("T")
    if (marker and not times) or not (dates or times):
        raise ValueError(f"{text!r} is not a duration; write for example P30D, PT12H or P1DT6H")
    days = _sum(text, dates, _DATE)
    return timedelta(days=days, seconds=_sum(text, times, _TIME))


def check(step_type: str, config: Any) -> None:
    """Raise ValueError unless `config` is a CacheConfig that a step of `step_type` may carry."""
    if step_type not in _ALLOWED_TYPES:
        raise ValueError(f"a {step_type} step takes no CacheConfig; allowed on: {', '.join(_ALLOWED_TYPES)}")
    enabled = config.get("Enabled") if isinstance(config, dict) else None
    if enabled is not True and enabled is not False:
        raise ValueError(f"CacheConfig is {config!r}; Enabled must be true or false")
    if enabled:
        if not isinstance(config.get("ExpireAfter"), str):
            raise ValueError("CacheConfig is enabled without ExpireAfter; write for example P30D")
        duration(config["ExpireAfter"])


def key(step: Step, arguments: Mapping[str, Any], envelope: Mapping[str, Any] | None = None) -> str | None:
    """Hash of what decides a hit for `step` with resolved arguments; None when it cannot hit or caching is off.

    `envelope` holds the resolved keys beside Arguments (of checks only).
    """
    config = step.raw.get("CacheConfig") or {}
    if not config.get("Enabled") or step.type not in _KEY_ATTRIBUTES:
        return None
    members = {**arguments, **(envelope or {})}
    found = {name: _member(members, name) for name in _KEY_ATTRIBUTES[step.type]}
    relevant = {name: value for name, value in found.items() if value not in (None, {}, [])}
    written = json.dumps([step.type, step.name, relevant], sort_keys=True, default=str)
    return hashlib.sha256(written.encode()).hexdigest()


def _member(members: Mapping[str, Any], path: str) -> Any:
    """The value of `Member` or `Member.Inner`."""
    outer, _, inner = path.partition(".")
    value = members.get(outer)
    return value.get(inner) if inner and isinstance(value, Mapping) else value


def _sum(whole: str, fields: str, units: Mapping[str, float]) -> float:
    total, at = 0.0, 0
    for match in _FIELD.finditer(fields):
        if match.start() != at or match[2] not in units:
            break
        total, at = total + float(match[1]) * units[match[2]], match.end()
    if at != len(fields):
        raise ValueError(f"{whole!r} is not a duration; write for example P30D, PT12H or P1DT6H")
    return total
