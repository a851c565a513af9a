"""Churn: train a gradient-boosted classifier; register it if it is good enough and no worse than the one in use.

    Prepare ─┬─▶ Baseline ──────────────────────────────────┐
             ├─▶ Train ─┐                                   ▼
             └──────────┴─▶ Evaluate ─▶ Gate ─┬─ yes ─▶ Register   waits for a person's approval
                                              └─ no ──▶ Fail       says which figure was missed

Each step is one function below; its arguments are the steps it waits for. What may be tuned is in config.yml.
"""

from pathlib import Path
from typing import Any

from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.quality_check_step import QualityCheckStep
from sagemaker.mlops.workflow.steps import ProcessingStep, TrainingStep

from pipelines import bundles, config
from pipelines.project import Project
from pipelines.registration import data_quality_baseline, model_package
from pipelines.steps import REPORT, Workshop, made_by

NAME = "churn"
METRICS = "binary_classification_metrics"  # the section of evaluation.json that the gate reads


def get_workshop(project: Project) -> Workshop:
    """What makes this pipeline's steps in a project."""
    return Workshop(project, NAME, config.load(Path(__file__).with_name("config.yml")))


def get_pipeline(shop: Workshop) -> Pipeline:
    """The graph."""
    prepared = prepare(shop)
    baselined = baseline(shop, prepared)
    trained = train(shop, prepared)
    evaluated = evaluate(shop, prepared, trained)
    registered = register(shop, trained, evaluated, baselined)
    return shop.finish([prepared, baselined, trained, evaluated, gate(shop, evaluated, registered)])


def prepare(shop: Workshop) -> ProcessingStep:
    """Check the raw files against the configured columns; split, and fit the encoder on the training rows."""
    return shop.processing(
        "Prepare",
        bundles.processing(NAME, "prepare", shop.config.part("data", "split")),
        inputs={"data": shop.parameters.input_data},
        outputs=["train", "validation", "test", "encoder", "baseline", "golden"],
        env={"DATA_VERSION": shop.parameters.data_version},  # new data at the same address is not a cache hit
    )


def baseline(shop: Workshop, prepared: ProcessingStep) -> QualityCheckStep:
    """Profile the training features, for the monitors of the endpoint."""
    return data_quality_baseline(shop, prepared)


def train(shop: Workshop, prepared: ProcessingStep) -> TrainingStep:
    """Boosted trees with early stopping, on one instance or several."""
    channels = {name: made_by(prepared, name) for name in ("train", "validation", "encoder")}
    return shop.training(bundles.training(NAME), channels, shop.config.hyperparameters.eval_metric)


def evaluate(shop: Workshop, prepared: ProcessingStep, trained: TrainingStep) -> ProcessingStep:
    """Score the test rows with the new model and with the champion: metrics, slices, pictures."""
    return shop.processing(
        "Evaluate",
        bundles.processing(
            NAME,
            "evaluate",
            shop.config.part("data", "slices") | {"champion_metric": shop.config.gates.champion.metric},
        ),
        inputs={
            "model": trained.properties.ModelArtifacts.S3ModelArtifacts,
            "test": made_by(prepared, "test"),
            "golden": made_by(prepared, "golden"),
        },
        outputs=["evaluation"],
        env={"CHAMPION_MODEL_PACKAGE_ARN": shop.parameters.champion, "MODEL_PACKAGE_GROUP_NAME": shop.name},
        property_files=[REPORT],
    )


def register(
    shop: Workshop, trained: TrainingStep, evaluated: ProcessingStep, baselined: QualityCheckStep
) -> ModelStep:
    """A new version in the registry, with its metrics, baselines and lineage."""
    return model_package(shop, trained, evaluated, baselined)


def gate(shop: Workshop, evaluated: ProcessingStep, registered: ModelStep) -> ConditionStep:
    """All thresholds of config.yml, and not worse than the champion by more than the margin."""
    missed: Any = shop.figures(evaluated, METRICS)
    return ConditionStep(
        "Gate",
        conditions=shop.conditions(evaluated, METRICS),
        if_steps=[registered],
        else_steps=[FailStep("Fail", error_message=missed)],
    )
