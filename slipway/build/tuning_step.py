"""The step that tunes: many trainings in the place of one, of which the best is what goes on. SDK v3 lives here."""

from typing import Any

from sagemaker.core.parameter import CategoricalParameter, ContinuousParameter, IntegerParameter, ParameterRange
from sagemaker.mlops.workflow.steps import CacheConfig, TuningStep
from sagemaker.train import ModelTrainer
from sagemaker.train.tuner import HyperparameterTuner

from slipway.build.config import NUMBERS
from slipway.build.tuning_settings import OBJECTIVES, Range, Tuning


class KeyedTuningStep(TuningStep):  # type: ignore[misc]
    """A tuning step whose instances have the volume key of their trainer: the SDK leaves it out."""

    volume_key: str | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """The request of the tuning job."""
        request: dict[str, Any] = super().arguments
        if self.volume_key:
            request["TrainingJobDefinition"]["ResourceConfig"]["VolumeKmsKeyId"] = self.volume_key
        return request


def tune(trainer: ModelTrainer, settings: Tuning, metric: str, cache: CacheConfig, retries: list[Any]) -> TuningStep:
    """The step `Tune`: trainings of this trainer; the best has the best metric on the validation rows."""
    tuner = HyperparameterTuner(
        model_trainer=trainer,
        objective_metric_name=f"validation:{metric}",
        objective_type=OBJECTIVES[metric],
        hyperparameter_ranges={name: _range(name, given) for name, given in settings.ranges.items()},
        strategy=settings.strategy,
        max_jobs=None if settings.strategy == "Grid" else settings.trainings,  # SageMaker counts a grid itself
        max_parallel_jobs=settings.parallel,
        early_stopping_type="Auto" if settings.early_stopping else "Off",
        random_seed=settings.seed,
    )
    step = KeyedTuningStep(
        "Tune", step_args=tuner.tune(inputs=trainer.input_data_config), cache_config=cache, retry_policies=retries
    )
    step.volume_key = trainer.compute.volume_kms_key_id
    return step


def _range(name: str, given: Range) -> ParameterRange:
    number = NUMBERS[name]
    if given.values is not None:
        return CategoricalParameter([str(number(value)) for value in given.values])
    kind = IntegerParameter if number is int else ContinuousParameter
    low, high = (number(end) for end in given.ends)
    return kind(low, high, given.scale)
