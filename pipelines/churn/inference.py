"""Inference: what the XGBoost container calls. Raw customer rows in, the probability of leaving out.

Request and response formats: see `pipelines.tabular.serving`. A request that can't be understood raises BadRequest
(`status_code` 400), whose message names row, column, value and what was expected.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.tabular.serving import Model, Request, answer


def model_fn(model_dir: str) -> Model:
    """Load the model once, when the server starts."""
    return Model.load(Path(model_dir))


def input_fn(body: bytes | str, content_type: str) -> Request:
    """The request as it came: only the model knows its columns, so `predict_fn` parses it."""
    return Request(body, content_type)


def predict_fn(request: Request, model: Model) -> NDArray[np.float32]:
    """One probability for each row."""
    return model.predict(model.parse(request.body, request.content_type))


def output_fn(predictions: NDArray[np.float32], accept: str) -> tuple[str, str]:
    """Body and content type of the response."""
    return answer(predictions.tolist(), accept)
