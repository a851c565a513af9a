"""Bias and explainability by jobs on the project's own image: no endpoint is asked, no closed service needed."""

import json
from typing import Any

from sagemaker.core.model_metrics import FileSource
from sagemaker.core.workflow.functions import Join
from sagemaker.mlops.workflow.steps import ProcessingStep

from slipway.build import bias_analysis, bundles
from slipway.build.checks import Checked
from slipway.build.steps import Trained, Workshop, document, output_uri
from slipway.monitoring.settings import CONFIG_FILE, ENGINE


def steps(shop: Workshop, prepared: ProcessingStep, trained: Trained) -> Checked:
    """The steps Bias and Explain, as far as config.yml asks for them."""
    checked = Checked()
    if bias := shop.config.bias:
        config = bias_analysis.configuration(bias, shop.config.data)
        step = _step(shop, "Bias", config, shop.parameters.skip_bias, prepared, trained)
        for what, name in (("bias_pre_training", "data"), ("bias_post_training", "model")):
            _add(checked, step, what, name)
        checked.steps.append(step)
        checked.baselines["bias_config_file"] = _monitor_config(shop, config)
    if explainability := shop.config.explainability:
        config = {"explainability": explainability.model_dump(mode="json")}
        step = _step(shop, "Explain", config, shop.parameters.skip_explainability, prepared, trained)
        _add(checked, step, "explainability", "analysis")
        checked.steps.append(step)
        own = {ENGINE: "slipway", "methods": {"shap": {"agg_method": explainability.agg_method}}}
        checked.baselines["explainability_config_file"] = _monitor_config(shop, own)
    return checked


def _step(
    shop: Workshop,
    name: str,
    config: dict[str, Any],
    skip: Any,
    prepared: ProcessingStep,
    trained: Trained,
) -> ProcessingStep:
    return shop.processing(
        name,
        bundles.processing(shop.folder, name.lower(), config),
        inputs={
            "model": shop.trained_model(trained),
            "checked": output_uri(prepared, "checked"),
        },
        outputs=["calculated", "baseline"],
        env=shop.lifecycle(skip),
    )


def _add(checked: Checked, step: ProcessingStep, what: str, name: str) -> None:
    """A document of a step, as the SDK calls it in metrics and baselines."""
    checked.metrics[what] = document(Join("/", [output_uri(step, "calculated"), f"{name}.json"]))
    checked.baselines[f"{what}_constraints"] = document(Join("/", [output_uri(step, "baseline"), f"{name}.json"]))


def _monitor_config(shop: Workshop, config: dict[str, Any]) -> FileSource:
    uri = shop.keep(CONFIG_FILE, json.dumps(config, indent=1).encode())
    return FileSource(s3_uri=uri, content_type="application/json")
