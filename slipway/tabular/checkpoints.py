"""A training that goes on where it was interrupted: managed spot training takes its machine away, and starts it again.

SageMaker fills /opt/ml/checkpoints before the container starts and keeps what is written there in S3. The folder is one
for all runs of a pipeline, so a checkpoint is named for what it was learned from: other rows or other hyperparameters
never go on with it. Early stopping goes on as well. Where no rows or columns are drawn by chance the model is the one
that would have been made in one go; else it is another draw, as another seed would give.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from slipway.tabular.job import ml_path

EVERY_SECONDS = 1.0
SHARE = 0.02  # of the time of a training, at most, goes into its checkpoints
STATE = "training_state"  # the attribute of a booster that holds what its callbacks knew
STOPPING = ("stopping_history", "best_scores", "current_rounds")  # of xgboost.callback.EarlyStopping


def fingerprint(params: Mapping[str, Any], arrays: Sequence[NDArray[Any]]) -> str:
    """What a model is learned from, as 32 hexadecimal digits."""
    digest = hashlib.sha256(json.dumps([xgb.__version__, sorted(params.items())], default=str).encode())
    for array in arrays:
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:32]


def folder() -> Path | None:
    """Where checkpoints are kept; None for a job without."""
    path = ml_path("checkpoints")
    return path if path.is_dir() else None


class Checkpoint(xgb.callback.TrainingCallback):  # type: ignore[misc]  # XGBoost has no types
    """The file of one training, which it writes again after `every` seconds, and later where writing takes long."""

    def __init__(self, path: Path, every: float = EVERY_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._every, self._clock = path, every, clock
        self._due = clock() + every
        self._stopping: xgb.callback.EarlyStopping | None = None

    def go_on(self, callbacks: Sequence[xgb.callback.TrainingCallback]) -> xgb.Booster | None:
        """What an earlier attempt has left, with what its early stopping knew told to that of `callbacks`.

        None where there is nothing, or nothing that can be read.
        """
        self._stopping = next((each for each in callbacks if isinstance(each, xgb.callback.EarlyStopping)), None)
        if not self._path.is_file():
            return None
        try:
            booster = xgb.Booster(model_file=self._path)
            state = json.loads(booster.attr(STATE) or "")
        except (xgb.core.XGBoostError, ValueError) as error:
            print(f"{self._path} is no checkpoint of a training, which begins anew: {error}", flush=True)
            return None
        booster.set_attr(**{STATE: None})
        for name, value in state.items() if self._stopping else ():
            setattr(self._stopping, name, value)
        print(f"going on after {booster.num_boosted_rounds()} rounds of an earlier attempt", flush=True)
        return booster

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002
        """Write the file if it is time; it is whole at any moment."""
        if (begun := self._clock()) < self._due:
            return False
        state = {name: getattr(self._stopping, name) for name in STOPPING} if self._stopping else {}
        model.set_attr(**{STATE: json.dumps(state)})
        partial = self._path.with_name(f".{self._path.name}")
        model.save_model(partial)
        os.replace(partial, self._path)
        model.set_attr(**{STATE: None})
        ended = self._clock()
        self._due = ended + max(self._every, (ended - begun) / SHARE)
        return False
