"""The XGBoost container's own handler: model files in, predictions out.

Source: docs/container-contract.md.
"""

import json
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loopback.images.serving import formats, selection
from loopback.images.serving.answers import ModelNotLoaded, RequestRefused, Response, plain

ANY = {"", "*/*"}
OLD_FORMAT = (
    "If an XGBoost before 3.1 saved it in its binary format, which later ones do not read: load it with an older one, "
    "and save it as JSON"
)
VOTED = {"multi:softmax", "binary:hinge"}


def load_boosters(folder: Path, *, ensemble: bool) -> list[Any]:
    """Every model file of the folder (only the first without `ensemble`). Raises ModelNotLoaded."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith(".")]
    if not files:
        raise ModelNotLoaded(f"no model file in {folder}: the XGBoost container expects one such as xgboost-model")
    return [load_booster(path) for path in (files if ensemble else files[:1])]


def load_booster(path: Path) -> Any:
    """A pickled Booster, or one saved by xgboost. Raises ModelNotLoaded."""
    import xgboost

    try:
        with path.open("rb") as file:
            booster = pickle.load(file)  # noqa: S301 - the user's own model, as the container does
    except Exception:  # noqa: BLE001 - any error means that it is not a pickle
        booster = xgboost.Booster()
        try:
            booster.load_model(bytearray(path.read_bytes()))  # by name, xgboost warns of a missing extension
        except Exception as error:  # noqa: BLE001 - a damaged file may raise anything
            first = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            old = f". {OLD_FORMAT}" if "Expecting UBJSON" in first else ""
            raise ModelNotLoaded(f"{path.name} is not an XGBoost model: {first}{old}") from None
    if not isinstance(booster, xgboost.Booster):
        raise ModelNotLoaded(f"{path.name} holds a {type(booster).__name__}, not an XGBoost Booster")
    booster.set_param({"nthread": 1})
    return booster


class XGBoostHandler:
    """Algorithm mode."""

    def __init__(self, boosters: Sequence[Any], environ: Mapping[str, str]) -> None:
        self.boosters = boosters
        self.batch = environ.get("SAGEMAKER_BATCH", "").lower() == "true"
        self.accept = environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or formats.CSV
        self.keys = [
            key.strip().lower() for key in environ.get("SAGEMAKER_INFERENCE_OUTPUT", "").split(",") if key.strip()
        ]
        learner = json.loads(boosters[0].save_config())["learner"]
        self.objective: str = learner["objective"]["name"]
        self.classes = int(learner["learner_model_param"]["num_class"])

    def invoke(self, body: bytes, content_type: str | None, accept: str | None) -> Response:
        """Parse, predict, then look at what the client accepts: the container's order."""
        if not body.strip():
            return Response(204, b"", "text/csv")
        try:
            return self._answer(body, content_type, accept)
        except RequestRefused as refusal:
            return plain(refusal)

    def _answer(self, body: bytes, content_type: str | None, accept: str | None) -> Response:
        matrix = self._parse(body, content_type)
        try:
            predictions = self._predict(matrix)
        except Exception as error:  # noqa: BLE001 - the container answers 400 whatever it is
            words = str(error).partition("\nStack trace")[0]
            raise RequestRefused(400, f"Unable to evaluate payload provided: {words}") from None
        if self.batch:
            lines = "\n".join(str(row) for row in predictions.tolist()) + "\n"
            return Response(200, lines.encode(), formats.CSV)
        wanted = formats.media_type(accept)
        wanted = formats.media_type(self.accept) if wanted in ANY else wanted
        if wanted not in {formats.CSV, formats.JSON, formats.JSONLINES, formats.RECORDIO}:
            raise RequestRefused(406, f"Accept type {wanted} is not supported. Please use text/csv or application/json")
        return Response(200, self._encode(predictions, wanted).encode(), wanted)

    def _parse(self, body: bytes, content_type: str | None) -> Any:
        import xgboost

        try:
            kind = formats.xgboost_kind(content_type or formats.CSV)
        except ValueError as fault:
            raise RequestRefused(415, str(fault)) from None
        try:
            if kind == "csv":
                return xgboost.DMatrix(formats.csv_rows(body.decode(), filling=True), nthread=1)
            if kind == "libsvm":
                return xgboost.DMatrix(formats.libsvm_rows(body.decode().strip()), nthread=1)
        except (ValueError, IndexError) as error:
            raise RequestRefused(
                415, f"Loading {kind} data failed with Exception, please ensure data is in {kind} format: {error}"
            ) from None
        raise RequestRefused(415, f"Content-type {content_type} is not supported here; send text/csv or text/libsvm")

    def _predict(self, matrix: Any) -> Any:
        import numpy as np

        found = [self._raw(booster, matrix) for booster in self.boosters]
        if len(found) == 1:
            return found[0]
        if self.objective in VOTED:
            votes = np.stack(found).astype(int)
            return np.array([np.bincount(column).argmax() for column in votes.T], dtype=float)
        return np.mean(found, axis=0)

    @staticmethod
    def _raw(booster: Any, matrix: Any) -> Any:
        best = booster.attr("best_iteration")
        rounds = (0, int(best) + 1) if best is not None else (0, 0)
        return booster.predict(matrix, validate_features=False, iteration_range=rounds)

    def _encode(self, predictions: Any, accept: str) -> str:
        if self.keys:
            return self._encode_selected(predictions, accept)
        rows = predictions.tolist()
        if accept == formats.JSON:
            return json.dumps({"predictions": [{"score": row} for row in rows]})
        if accept != formats.CSV:
            raise RequestRefused(500, f"{accept} needs SAGEMAKER_INFERENCE_OUTPUT (selectable inference)")
        return "".join((",".join(map(str, row)) if isinstance(row, list) else str(row)) + "\n" for row in rows)

    def _encode_selected(self, predictions: Any, accept: str) -> str:
        if self.objective not in selection.VALID:
            raise RequestRefused(500, f"Selectable inference is not supported for objective {self.objective}")
        rows = [selection.select(self.keys, row, self.objective, self.classes) for row in predictions]
        if accept == formats.JSON:
            return json.dumps({"predictions": rows})
        if accept == formats.JSONLINES:
            return "".join(json.dumps(row) + "\n" for row in rows)
        if accept == formats.CSV:
            return selection.as_csv(rows)
        raise RequestRefused(
            500, f"{accept} cannot be written here; use text/csv, application/json or application/jsonlines"
        )
