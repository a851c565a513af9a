"""Bias and explainability: the checks that config.yml asks for, and the baselines that they leave for the monitors.

Without its sections `bias` and `explainability` there is no step here.
"""

from dataclasses import dataclass, field

from sagemaker.core.model_metrics import FileSource, MetricsSource
from sagemaker.mlops.workflow.steps import ProcessingStep, Step

from slipway.build.steps import Trained, Workshop


@dataclass(frozen=True)
class Checked:
    """The steps, and what they add to a version in the registry: to its ModelMetrics, to its DriftCheckBaselines."""

    steps: list[Step] = field(default_factory=list)
    metrics: dict[str, MetricsSource] = field(default_factory=dict)
    baselines: dict[str, MetricsSource | FileSource] = field(default_factory=dict)


def checks(shop: Workshop, prepared: ProcessingStep, trained: Trained) -> Checked:
    """Is the data biased, is the model, and how much does each feature count?"""
    if not (shop.config.bias or shop.config.explainability):
        return Checked()
    if shop.config.monitoring.engine == "sagemaker":
        from slipway.build import clarify  # what only this needs of the SDK takes its time to load

        return clarify.clarify_steps(shop, prepared, trained)
    from slipway.build import own_checks

    return own_checks.steps(shop, prepared, trained)
