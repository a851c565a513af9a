"""The baseline by SageMaker Model Monitor's own image, where config.yml asks for `monitoring.engine: sagemaker`."""

from sagemaker.core.model_monitor.dataset_format import DatasetFormat
from sagemaker.mlops.workflow.quality_check_step import DataQualityCheckConfig, QualityCheckStep
from sagemaker.mlops.workflow.steps import ProcessingStep

from slipway.build.steps import CACHE, Workshop, output_uri


def baseline(shop: Workshop, prepared: ProcessingStep) -> QualityCheckStep:
    """A QualityCheck step of the training features."""
    return QualityCheckStep(
        "Baseline",
        quality_check_config=DataQualityCheckConfig(
            baseline_dataset=output_uri(prepared, "baseline"),
            dataset_format=DatasetFormat.csv(header=True),
            output_s3_uri=shop.output("Baseline"),
        ),
        check_job_config=shop.check_job(),
        skip_check=shop.parameters.skip_check,
        register_new_baseline=shop.parameters.new_baseline,
        fail_on_violation=False,
        model_package_group_name=shop.group,
        cache_config=CACHE,
    )
