"""The steps of a model build, one function each; its arguments are the steps it waits for.

A pipeline composes them in its `pipeline.py`, and writes a function of its own for a step that it wants different.
"""

import base64
import copy
import json
from typing import Any

from sagemaker.core.drift_check_baselines import DriftCheckBaselines
from sagemaker.core.metadata_properties import MetadataProperties
from sagemaker.core.model_metrics import ModelMetrics
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.steps import ProcessingStep, Step, TrainingStep

from slipway.build import bundles, model_file
from slipway.build.checks import Checked
from slipway.build.steps import REPORT, STEP_RETRIES, Trained, Workshop, document, output_uri
from slipway.tabular import cells, feature_code


def prepare(shop: Workshop) -> ProcessingStep:
    """Check the raw files against the configured columns; split, and fit the encoder on the training rows."""
    checked = ["checked"] if shop.config.bias or shop.config.explainability else []
    return shop.processing(
        "Prepare",
        bundles.processing(
            shop.folder,
            "prepare",
            shop.config.part("data", "split", "bias", "explainability", *_known_to_features(shop))
            | ({"exact": True} if model_file.exists(shop.folder) else {}),
        ),
        inputs={"data": shop.parameters.input_data},
        outputs=["train", "validation", "test", "encoder", "baseline", "golden", *checked],
        env={"DATA_VERSION": shop.parameters.data_version},  # new data at the same address is not a cache hit
    )


def _known_to_features(shop: Workshop) -> list[str]:
    """The section that says which columns features.py need not look at; without the file it is not asked for."""
    return ["slices"] if (shop.folder / feature_code.FILE).is_file() else []


def baseline(shop: Workshop, prepared: ProcessingStep) -> Step:
    """Statistics and constraints of the training features as the endpoint will see them."""
    if shop.config.monitoring.engine == "sagemaker":
        from slipway.build import model_monitor  # what only this needs of the SDK takes its time to load

        return model_monitor.baseline(shop, prepared)
    return shop.processing(
        "Baseline",
        bundles.processing(shop.folder, "baseline", {}),
        inputs={"baseline": output_uri(prepared, "baseline")},
        outputs=["calculated", "baseline"],
        env=shop.lifecycle(shop.parameters.skip_check),
    )


def train(shop: Workshop, prepared: ProcessingStep) -> Trained:
    """Boosted trees with early stopping, on one instance or several; or what the pipeline's model.py fits."""
    channels = {name: output_uri(prepared, name) for name in ("train", "validation", "encoder")}
    return shop.training(bundles.training(shop.folder), channels)


def evaluate(shop: Workshop, prepared: ProcessingStep, trained: Trained, baselined: Step) -> ProcessingStep:
    """Score the test rows with the new model and with the champion: metrics, slices, pictures.

    It also gives the baseline's constraints room for chance; a monitor compares with those.
    """
    config = shop.config.part("data", "slices", "monitoring", "decision") | {
        "problem": shop.config.kind,
        "champion_metric": shop.config.gates.champion.metric,
    }
    return shop.processing(
        "Evaluate",
        bundles.processing(shop.folder, "evaluate", config),
        inputs={
            "model": shop.trained_model(trained),
            "test": output_uri(prepared, "test"),
            "golden": output_uri(prepared, "golden"),
            "statistics": baseline_document(baselined, "statistics"),
            "constraints": baseline_document(baselined, "constraints"),
        },
        outputs=["evaluation"],
        env={"CHAMPION_MODEL_PACKAGE_ARN": shop.parameters.champion, "MODEL_PACKAGE_GROUP_NAME": shop.group},
        property_files=[REPORT],
    )


def gate(shop: Workshop, evaluated: ProcessingStep, registered: ModelStep) -> ConditionStep:
    """All thresholds of config.yml, and not worse than the champion by more than the margin, beyond doubt.

    What misses them fails the execution with its figures; `gates.register_rejected` keeps it in the registry, Rejected.
    """
    missed: Any = shop.figures(evaluated)
    kept = [_register_rejected(registered)] if shop.config.gates.register_rejected else []
    return ConditionStep(
        "Gate",
        conditions=shop.conditions(evaluated),
        if_steps=[registered],
        else_steps=[*kept, FailStep("Fail", error_message=missed, depends_on=kept or None)],
    )


def _register_rejected(registered: ModelStep) -> ModelStep:
    """The version that Register would make, as Rejected. Its figures are where those of every version are."""
    arguments = copy.copy(registered.step_args)
    arguments.create_model_package_request = arguments.create_model_package_request | {
        "ModelApprovalStatus": "Rejected",
        "ModelPackageDescription": Join("", ["Missed the gates in ", ExecutionVariables.PIPELINE_EXECUTION_ARN]),
    }
    return ModelStep("RegisterRejected", step_args=arguments, retry_policies=[STEP_RETRIES])


def register(
    shop: Workshop, trained: Trained, evaluated: ProcessingStep, baselined: Step, checked: Checked
) -> ModelStep:
    """A version in the registry, with its metrics, baselines and lineage."""
    report = Join("/", [output_uri(evaluated, "evaluation"), "evaluation.json"])
    arguments = shop.model(trained).register(
        model_package_group_name=shop.group,
        content_types=["text/csv", "application/json"],
        response_types=["text/csv", "application/json"],
        inference_instances=["ml.m5.large", "ml.m5.xlarge", "ml.c5.large", "ml.c5.xlarge"],
        transform_instances=["ml.m5.xlarge"],
        approval_status=shop.parameters.approval,
        model_metrics=ModelMetrics(
            model_statistics=document(report),
            model_data_statistics=document(baseline_document(baselined, "statistics", calculated=True)),
            model_data_constraints=document(baseline_document(baselined, "constraints", calculated=True)),
            **checked.metrics,
        ),
        drift_check_baselines=DriftCheckBaselines(
            model_data_statistics=document(baseline_document(baselined, "statistics")),
            model_data_constraints=document(_evaluation_document(evaluated, "constraints")),
            model_statistics=document(_evaluation_document(evaluated, "model_quality_statistics")),
            model_constraints=document(_evaluation_document(evaluated, "model_quality_constraints")),
            **checked.baselines,
        ),
        metadata_properties=MetadataProperties(
            commit_id=shop.parameters.commit,
            generated_by=ExecutionVariables.PIPELINE_EXECUTION_ARN,
            project_id=shop.project.project_id or None,
        ),
        customer_metadata_properties=_lineage(shop, evaluated, report) | _best_training(trained),
    )
    return ModelStep("Register", step_args=arguments, retry_policies=[STEP_RETRIES])


def baseline_document(step: Step, name: str, *, calculated: bool = False) -> Any:
    """Where Baseline has written one of its documents: of these rows, or for monitors to compare with."""
    if isinstance(step, ProcessingStep):
        return Join("/", [output_uri(step, "calculated" if calculated else "baseline"), f"{name}.json"])
    which = "CalculatedBaseline" if calculated else "BaselineUsedForDriftCheck"
    return getattr(step.properties, f"{which}{name.title()}")


def _evaluation_document(evaluated: ProcessingStep, name: str) -> Join:
    """A document that Evaluate has written."""
    return Join("/", [output_uri(evaluated, "evaluation"), f"{name}.json"])


def _lineage(shop: Workshop, evaluated: ProcessingStep, report: Any) -> dict[str, Any]:
    """Where a version comes from; who approved it is added by the approval."""
    parameters = shop.parameters
    return {
        "CommitId": parameters.commit,
        "InputDataUrl": parameters.input_data,
        "DataVersion": parameters.data_version,
        "PipelineExecutionArn": ExecutionVariables.PIPELINE_EXECUTION_ARN,
        "EvaluationReport": report,
        "GoldenRequests": Join("/", [output_uri(evaluated, "evaluation"), "golden.json"]),
        "ChampionModelPackageArn": parameters.champion,
        **_missing_words(shop.config.data.missing),
    }


def _best_training(trained: Trained) -> dict[str, Any]:
    """The training job of a tuning job whose model it is; that job has the hyperparameters that were found."""
    if isinstance(trained, TrainingStep):
        return {}
    return {"TrainingJobName": trained.properties.TrainingJobSummaries[0].TrainingJobName}


def _missing_words(configured: list[str] | None) -> dict[str, str]:
    """The words for a missing value, for the monitors; in base64, as a property has letters, digits and few signs."""
    if configured is None:
        return {}
    return {"MissingWords": base64.b64encode(json.dumps(cells.words(configured)).encode()).decode()}
