"""How much each feature counts, as analysis.json says it: of each label, and of several classes over all of them.

Clarify's document has a label for each score of a model. With many classes nobody watches each: what is compared from
hour to hour, and told to CloudWatch, is how much a feature counts over all of them. Standard library only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LABEL = "label0"  # what Clarify calls the only score of a model
OVER_CLASSES = "over_classes"  # a member beside those of the classes, of our own explanations
ALL_CLASSES = "all classes"  # its label in violations and metrics

Doc = Mapping[str, Any]
Attributions = Mapping[str, Mapping[str, float]]  # label -> feature -> how much it counts


def by_label(analysis: Doc) -> Attributions:
    """Of every label, over all classes first."""
    return {**_over_classes(analysis), **_of(_explanations(analysis).get("kernel_shap") or {})}


def select_compared(analysis: Doc) -> Attributions:
    """What is compared with a baseline: over all classes where there are several, else of every label."""
    return _over_classes(analysis) or by_label(analysis)


def _over_classes(analysis: Doc) -> Attributions:
    found = _explanations(analysis).get(OVER_CLASSES)
    return _of({ALL_CLASSES: found}) if found else {}


def _explanations(analysis: Doc) -> Doc:
    return analysis.get("explanations") or {}


def _of(labels: Doc) -> Attributions:
    return {label: dict(found.get("global_shap_values") or {}) for label, found in labels.items()}
