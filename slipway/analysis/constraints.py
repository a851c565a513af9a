"""constraints.json: what a baseline suggests, and how a feature's own settings override the common ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Thresholds as the container writes them, which are not all those that its documentation names.
_CONFIG: dict[str, Any] = {
    "evaluate_constraints": "Enabled",
    "emit_metrics": "Enabled",
    "datatype_check_threshold": 1.0,
    "domain_content_threshold": 1.0,
    "distribution_constraints": {
        "perform_comparison": "Enabled",
        "comparison_threshold": 0.1,
        "comparison_method": "Robust",
        "categorical_comparison_threshold": 0.1,
        "categorical_drift_method": "LInfinity",
    },
}


def suggest(statistics: Mapping[str, Any], categorical_drift_method: str | None = None) -> dict[str, Any]:
    """Constraints that the data behind `statistics` meets."""
    distribution = dict(_CONFIG["distribution_constraints"])
    if categorical_drift_method:
        distribution["categorical_drift_method"] = categorical_drift_method
    config = {**_CONFIG, "distribution_constraints": distribution}
    features = [_feature(feature) for feature in statistics["features"]]
    return {"version": 0.0, "features": features, "monitoring_config": config}


def config_of(constraints: Mapping[str, Any], feature: Mapping[str, Any]) -> dict[str, Any]:
    """The settings for one feature: the container's defaults, the file's, and the feature's own, in both spellings."""
    nested = feature.get("string_constraints") or feature.get("num_constraints") or {}
    config: dict[str, Any] = dict(_CONFIG)
    for layer in (
        constraints.get("monitoring_config"),
        nested.get("monitoring_config_overrides"),
        feature.get("monitoring_config_overrides"),
        feature.get("monitoringConfigOverrides"),
    ):
        config = _overlaid(config, layer or {})
    return config


def _overlaid(config: Mapping[str, Any], layer: Mapping[str, Any]) -> dict[str, Any]:
    distribution = {**config["distribution_constraints"], **layer.get("distribution_constraints", {})}
    if "comparison_threshold" in layer.get("distribution_constraints", {}):
        given = layer["distribution_constraints"]
        distribution["categorical_comparison_threshold"] = given.get(
            "categorical_comparison_threshold", given["comparison_threshold"]
        )
    return {**config, **layer, "distribution_constraints": distribution}


def _feature(feature: Mapping[str, Any]) -> dict[str, Any]:
    constraint: dict[str, Any] = {"name": feature["name"], "inferred_type": feature["inferred_type"]}
    found = feature.get("numerical_statistics") or feature.get("string_statistics")
    if found is None:
        return {**constraint, "completeness": 0.0}
    present, missing = found["common"]["num_present"], found["common"]["num_missing"]
    constraint["completeness"] = present / (present + missing)
    if "numerical_statistics" in feature:
        constraint["num_constraints"] = {"is_non_negative": found["min"] >= 0}
    elif "distribution" in found:
        domains = [bucket["value"] for bucket in found["distribution"]["categorical"]["buckets"]]
        constraint["string_constraints"] = {"domains": domains}
    return constraint
