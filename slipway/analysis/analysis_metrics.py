"""CloudWatch metrics of bias and of attributions, under the names that Clarify has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from slipway.analysis import attributions
from slipway.analysis.metrics import Metric

INFINITE = 2.348543e108  # what CloudWatch is told instead; it takes no infinity
_STAGES = {"pre_training_bias_metrics": "Pre-training", "post_training_bias_metrics": "Post-Training"}

Doc = Mapping[str, Any]


def of(analysis: Doc, facet_values: Mapping[str, str], label_values: str) -> Iterator[Metric]:
    """Everything that an analysis.json has a number for; attributions of several classes over all of them only."""
    for section, stage in _STAGES.items():
        found = analysis.get(section) or {}
        common = {"BiasStage": stage, "Label": str(found.get("label")), "LabelValue": label_values}
        for facet, reports in (found.get("facets") or {}).items():
            for report in reports:
                value = facet_values.get(facet) or str(report["value_or_threshold"])
                yield from _bias(report, common | {"Facet": facet, "FacetValue": value})
    expected = (analysis.get("explanations") or {}).get("kernel_shap") or {}
    for label, values in attributions.select_compared(analysis).items():
        common = {"Label": label, "ExplainabilityMethod": "KernelShap"}
        for feature, number in values.items():
            yield f"feature_{feature}", {"Value": number}, common | {"ValueType": "GlobalShapValues"}
        if label in expected:
            number = expected[label]["expected_value"]
            yield "ExpectedValue", {"Value": number}, common | {"ValueType": "ExpectedValue"}


def _bias(report: Doc, dimensions: Mapping[str, str]) -> Iterator[Metric]:
    for metric in report["metrics"]:
        value = {"Infinity": INFINITE, "-Infinity": -INFINITE}.get(str(metric["value"]), metric["value"])
        if value is not None:
            yield f"bias_metric_{metric['name']}", {"Value": value}, dimensions
