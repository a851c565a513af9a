"""Inference: what the XGBoost container calls. Raw rows in, one prediction for each out.

Request and response formats: see `slipway.tabular.serving`. A request that can't be understood raises BadRequest,
whose message names row, column, value and what was expected; `answering` makes a 400 of it.
"""

from pathlib import Path

from slipway.tabular.serving import Model, answer, answer_bad_requests


def model_fn(model_dir: str) -> Model:
    """Load the model once, when the server starts."""
    return Model.load(Path(model_dir))


@answer_bad_requests
def transform_fn(model: Model, body: bytes | str, content_type: str, accept: str) -> tuple[str, str]:
    """A number for each row, of a yes or no the probability of yes; or its class and the probability of each class.

    JSON also says from which probability on a row counts as positive. Returns body and content type.
    """
    predictions = model.predict(model.parse(body, content_type)).tolist()
    return answer(predictions, accept, model.threshold, model.target.classes)
