"""Bias and explainability by SageMaker Clarify, where config.yml asks for `monitoring.engine: sagemaker`.

The model that a check asks is behind an endpoint of the check's own, which it makes and deletes.
"""

from typing import Any

from sagemaker.core.clarify import BiasConfig, DataConfig, ModelConfig, ModelPredictedLabelConfig, SHAPConfig
from sagemaker.core.model_metrics import FileSource
from sagemaker.core.workflow.functions import Join
from sagemaker.core.workflow.parameters import ParameterBoolean
from sagemaker.mlops.workflow.clarify_check_step import (
    ClarifyCheckConfig,
    ClarifyCheckStep,
    DataBiasCheckConfig,
    ModelBiasCheckConfig,
    ModelExplainabilityCheckConfig,
)
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.steps import ProcessingStep

from slipway.build.bias_analysis import POSITIVE, as_prepared
from slipway.build.checks import Checked, checks
from slipway.build.config import Bias, Explainability
from slipway.build.steps import CACHE, STEP_RETRIES, Trained, Workshop, document, output_uri

__all__ = ["checks", "clarify_steps"]  # where a pipeline.py of earlier versions finds `checks`
PROBABILITY = ModelPredictedLabelConfig(probability=0, probability_threshold=0.5)  # the answer's first column


def clarify_steps(shop: Workshop, prepared: ProcessingStep, trained: Trained) -> Checked:
    """The steps of Clarify; the configuration has one of its sections, or both."""
    bias, explainability = shop.config.bias, shop.config.explainability
    model = ModelStep("Model", step_args=shop.model(trained).build(), retry_policies=[STEP_RETRIES])
    checked, asked = Checked([model]), _model_config(shop, model)
    if bias:
        _bias(shop, bias, prepared, asked, checked)
    if explainability:
        _explainability(shop, explainability, prepared, asked, checked)
    return checked


def _add(checked: Checked, step: ClarifyCheckStep, what: str) -> None:
    """A check of `what`, as the SDK calls it in metrics and baselines."""
    checked.steps.append(step)
    checked.metrics[what] = document(step.properties.CalculatedBaselineConstraints)
    checked.baselines[f"{what}_constraints"] = document(step.properties.BaselineUsedForDriftCheckConstraints)


def _model_config(shop: Workshop, model: ModelStep) -> ModelConfig:
    return ModelConfig(
        model_name=model.properties.ModelName,
        instance_count=1,
        instance_type=shop.config.instances.processing.type,
        content_type="text/csv",
        accept_type="text/csv",
        endpoint_name_prefix=f"sm-clarify-{shop.project.name}",  # what the project's roles may make
    )


def _bias(shop: Workshop, bias: Bias, prepared: ProcessingStep, asked: ModelConfig, checked: Checked) -> None:
    """What the training rows say of the groups, and what the model says of them in the test rows."""
    values = [[as_prepared(value) for value in group] for group in bias.facets.values()]
    groups = BiasConfig([POSITIVE], [*bias.facets], values, bias.group)
    skip = shop.parameters.skip_bias
    data = DataBiasCheckConfig(_rows(shop, prepared, "DataBias", "train"), groups)
    model = ModelBiasCheckConfig(_rows(shop, prepared, "ModelBias", "test"), groups, asked, PROBABILITY)
    _add(checked, _step(shop, "DataBias", data, skip, cache_config=CACHE), "bias_pre_training")
    _add(checked, _step(shop, "ModelBias", model, skip), "bias_post_training")
    checked.baselines["bias_config_file"] = _monitors_config(shop, model)


def _explainability(
    shop: Workshop, settings: Explainability, prepared: ProcessingStep, asked: ModelConfig, checked: Checked
) -> None:
    shap = SHAPConfig(num_samples=settings.num_samples, agg_method=settings.agg_method, num_clusters=1, seed=0)
    config = ModelExplainabilityCheckConfig(_rows(shop, prepared, "Explain", "explained"), asked, shap, 0)
    _add(checked, _step(shop, "Explain", config, shop.parameters.skip_explainability), "explainability")
    checked.baselines["explainability_config_file"] = _monitors_config(shop, config)


def _rows(shop: Workshop, prepared: ProcessingStep, step: str, name: str) -> DataConfig:
    """One of the files that Prepare has written for the checks, and where the check writes."""
    data = shop.config.data
    label = data.label_column
    return DataConfig(
        s3_data_input_path=Join("/", [output_uri(prepared, "checked"), f"{name}.csv"]),
        s3_output_path=shop.output(step),
        s3_analysis_config_output_path=f"s3://{shop.project.bucket}/{shop.name}",  # the session knows better
        label=label,
        headers=[*data.used, label],
        dataset_type="text/csv",
    )


def _step(
    shop: Workshop, name: str, config: ClarifyCheckConfig, skip: "ParameterBoolean | None", **options: Any
) -> ClarifyCheckStep:
    return ClarifyCheckStep(
        name,
        clarify_check_config=config,
        check_job_config=shop.check_job(),
        skip_check=skip,
        register_new_baseline=shop.parameters.new_baseline,
        fail_on_violation=True,
        model_package_group_name=shop.group,
        **options,
    )


def _monitors_config(shop: Workshop, config: ClarifyCheckConfig) -> FileSource:
    """The document that a monitor is configured with; the SDK writes it when it makes the step."""
    uri = shop.session.kept[config.monitoring_analysis_config_uri]
    return FileSource(s3_uri=uri, content_type="application/json")
