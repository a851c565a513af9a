"""constraint_violations.json: where data departs from its baseline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from slipway.analysis import distances
from slipway.analysis.constraints import config_of
from slipway.analysis.profile import ColumnProfile, DatasetProfile
from slipway.analysis.sketch import Sketch

_NUMERIC = ("Integral", "Fractional")


def find(
    data: DatasetProfile, baseline: Mapping[str, Any], constraints: Mapping[str, Any]
) -> tuple[list[dict[str, str]], dict[str, float]]:
    """(violations, distance by feature); `baseline` is a statistics.json, `constraints` a constraints.json.

    As on AWS nothing else is looked at where the number of columns is another. Columns that only have another name are
    told one by one.
    """
    enabled = config_of(constraints, {})["evaluate_constraints"] == "Enabled"
    if enabled and len(data.columns) != len(constraints["features"]):
        return [_columns(len(data.columns), len(constraints["features"]))], {}
    known = {feature["name"]: feature for feature in constraints["features"]}
    before = {feature["name"]: feature for feature in baseline["features"]}
    found: list[dict[str, str]] = []
    apart: dict[str, float] = {}
    for name, constraint in known.items():
        config = config_of(constraints, constraint)
        if config["evaluate_constraints"] != "Enabled":
            continue
        if name not in data.columns:
            found.append(_violation(name, "missing_column_check", f"Column {name} of the baseline is not in the data."))
            continue
        failed = list(_value_checks(data.columns[name], constraint, config))
        found += failed
        if any(violation["constraint_check_type"] == "data_type_check" for violation in failed):
            continue  # AWS compares no distribution of what has another type
        drift = _drift(data.columns[name], before.get(name, {}), config["distribution_constraints"])
        if drift is not None:
            apart[name], description = drift
            found += [_violation(name, "baseline_drift_check", description)] if description else []
    if enabled:
        extra = [name for name in data.columns if name not in known]
        found += [_violation(name, "extra_column_check", f"Column {name} is not in the baseline.") for name in extra]
    return found, apart


def _columns(now: int, before: int) -> dict[str, str]:
    """The violation of a data set that has more or fewer columns, in AWS's words."""
    kind = "Extra" if now > before else "Missing"
    text = (
        f"There are {kind.lower()} columns in current dataset. Number of columns in current dataset: {now}, "
        f"Number of columns in baseline constraints: {before}"
    )
    return _violation(f"{kind} columns", f"{kind.lower()}_column_check", text)


def _value_checks(
    column: ColumnProfile, constraint: Mapping[str, Any], config: Mapping[str, Any]
) -> Iterator[dict[str, str]]:
    name, expected = constraint["name"], constraint["inferred_type"]
    fitting = _fitting(column, expected) / column.present if column.present else 1.0
    if fitting < config["datatype_check_threshold"]:
        yield _violation(
            name,
            "data_type_check",
            f"Data type match requirement is not met. Expected data type: {expected}, Expected match: "
            f"{_percent(config['datatype_check_threshold'])}. "
            f"Observed: Only {_percent(fitting)} of data is {expected}.",
        )
    complete = column.present / column.rows if column.rows else 0.0
    expected_complete = constraint.get("completeness", 0.0)
    if complete < expected_complete:
        yield _violation(
            name,
            "completeness_check",
            f"Data completeness requirement is not met. Expected: {_percent(expected_complete)}. "
            f"Observed: Only {_percent(complete)}.",
        )
    inside = column.in_domain / column.present if column.present else 1.0
    if domains_of(constraint) and inside < config["domain_content_threshold"]:
        yield _violation(
            name,
            "categorical_values_check",
            f"Value: {inside} does not meet the constraint requirement! Expected share of values in the "
            f"baseline's domain: {_percent(config['domain_content_threshold'])}.",
        )


def domains_of(constraint: Mapping[str, Any]) -> list[str]:
    """The categories a feature's constraint allows; none when it is not about categories."""
    return list((constraint.get("string_constraints") or {}).get("domains") or [])


def _fitting(column: ColumnProfile, expected: str) -> int:
    """How many values have the expected type: an integer is a fraction too.

    Numbers among texts are texts; a column of numbers alone is none of texts, as AWS's own tests have it
    (sagemaker-python-sdk, tests/integ/sagemaker/workflow).
    """
    if expected == "Integral":
        return column.integral
    if expected == "Fractional":
        return column.integral + column.fractional
    return 0 if expected == "String" and not column.texts else column.present


def _drift(column: ColumnProfile, feature: Mapping[str, Any], rules: Mapping[str, Any]) -> tuple[float, str] | None:
    """(distance, description or "" when it is small enough); None when there is nothing to compare."""
    robust = str(rules["comparison_method"]).lower() in ("robust", "linf_robust")
    if rules["perform_comparison"] != "Enabled" or not column.present:
        return None
    distribution = (feature.get("numerical_statistics") or feature.get("string_statistics") or {}).get("distribution")
    if distribution is None:
        return None
    if "kll" in distribution and column.inferred_type in _NUMERIC:
        baseline = Sketch.read(distribution["kll"]["sketch"]["data"])
        if not baseline.count:
            return None
        return _judge_distance(distances.numeric(baseline, column.sketch, robust=robust), rules["comparison_threshold"])
    if not distribution.get("categorical", {}).get("buckets") or column.categories is None:
        return None
    counts = {bucket["value"]: int(bucket["count"]) for bucket in distribution["categorical"]["buckets"]}
    threshold = rules["categorical_comparison_threshold"]
    if rules["categorical_drift_method"] == "ChiSquared":
        p_value = distances.chi_squared_p(counts, column.categories)
        text = f"Chi-squared p-value: {p_value} is below threshold: {threshold}"
        return p_value, text if p_value < threshold else ""
    return _judge_distance(distances.categorical(counts, column.categories, robust=robust), threshold)


def _judge_distance(distance: float, threshold: float) -> tuple[float, str]:
    text = f"Baseline drift distance: {distance} exceeds threshold: {threshold}"
    return distance, text if distance > threshold else ""


def _percent(share: float) -> str:
    return f"{float(share * 100)}%"


def _violation(name: str, check: str, description: str) -> dict[str, str]:
    return {"feature_name": name, "constraint_check_type": check, "description": description}
