"""Optional experiment tracking: an MLflow run around a training job, when MLFLOW_TRACKING_URI says where."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from slipway.tabular.job import JobError

Log = Callable[[Mapping[str, float]], None]


@contextmanager
def run(params: Mapping[str, Any], *, active: bool) -> Iterator[Log]:
    """A run with these parameters; yields the function that logs metrics. Without a tracking URI it does nothing.

    MLflow reads the experiment from MLFLOW_EXPERIMENT_NAME, which the Train step sets to the pipeline's name.
    """
    if not active or not os.environ.get("MLFLOW_TRACKING_URI"):
        yield lambda metrics: None  # noqa: ARG005
        return
    try:
        import mlflow
    except ImportError:
        raise JobError(
            "MLFLOW_TRACKING_URI is set (mlflow.tracking_uri in config.yml) but mlflow is not in this image: "
            "remove the setting, or use an image that has mlflow and sagemaker-mlflow"
        ) from None
    with mlflow.start_run(run_name=os.environ.get("TRAINING_JOB_NAME")):
        mlflow.log_params(dict(params))
        yield lambda metrics: mlflow.log_metrics(dict(metrics))
