"""What an analysis of bias is configured with, in Clarify's own form: the pipeline's job gets it, and the monitor."""

from typing import Any

from slipway.build.config import Bias, Data
from slipway.monitoring.settings import ENGINE
from slipway.tabular import cells

POSITIVE = 1  # of the labels that Prepare writes, and of those that a team uploads


def configuration(bias: Bias, data: Data) -> dict[str, Any]:
    """As Clarify takes it, so that either engine may watch what the other has registered; of several classes ours."""
    classes = (data.label.classes if data.label else None) or ()
    facets = [
        {"name_or_index": name, "value_or_threshold": [as_prepared(value) for value in values]}
        for name, values in bias.facets.items()
    ]
    return {
        "headers": [*data.used, data.label_column],
        "label": data.label_column,
        "label_values_or_threshold": bias.positives(classes) if classes else [POSITIVE],
        "facet": facets,
        **({"group_variable": bias.group} if bias.group else {}),
        "methods": {"post_training_bias": {"methods": "all"}},
        **({ENGINE: "slipway", "predictor": {"label_headers": [*map(str, classes)]}} if classes else {}),
    }


def as_prepared(value: str | float) -> str | float | None:
    """A category in the spelling that Prepare gives it: `True` is true."""
    return cells.category(value) if isinstance(value, str) else value
