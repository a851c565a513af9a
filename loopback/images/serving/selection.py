"""Selectable inference of the XGBoost container: which values of a prediction a client may ask for. Pure."""

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

SCORED = ("reg:squarederror", "reg:logistic", "reg:gamma", "reg:absoluteerror", "reg:tweedie")
PROBABILITIES = {"probability", "probabilities"}
LABELLED = {"predicted_label", "labels", "raw_score", "raw_scores"}
VALID: dict[str, set[str]] = {
    **{objective: {"predicted_score"} for objective in SCORED},
    "binary:logistic": LABELLED | PROBABILITIES,
    "binary:logitraw": LABELLED,
    "binary:hinge": LABELLED,
    "multi:softmax": LABELLED,
    "multi:softprob": LABELLED | PROBABILITIES,
}


def select(keys: Sequence[str], raw: Any, objective: str, classes: int) -> dict[str, Any]:
    """The wanted values of one row; NaN for a key that the objective does not have. `objective` must be in VALID."""
    return {key: _value(key, raw, objective, classes) if key in VALID[objective] else math.nan for key in keys}


def _value(key: str, raw: Any, objective: str, classes: int) -> Any:
    vector = [float(value) for value in raw] if objective == "multi:softprob" else None
    score = max(vector) if vector else float(raw)
    values: dict[str, Callable[[], Any]] = {
        "predicted_score": lambda: score,
        "predicted_label": lambda: _label(objective, vector, score),
        "labels": lambda: list(range(2 if objective.startswith("binary:") else classes)),
        "probability": lambda: score,
        "probabilities": lambda: vector or [1.0 - score, score],
        "raw_score": lambda: score,
        "raw_scores": lambda: vector or ([score] if objective == "multi:softmax" else [1.0 - score, score]),
    }
    return values[key]()


def _label(objective: str, vector: list[float] | None, score: float) -> int:
    if vector:
        return vector.index(max(vector))
    if objective == "binary:logistic":
        return int(score > 0.5)
    return int(score > 0) if objective == "binary:logitraw" else int(score)


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """One line a row, in the order of the keys; lists quoted."""
    return "".join(",".join(_cell(value) for value in row.values()) + "\n" for row in rows)


def _cell(value: Any) -> str:
    return f'"{json.dumps(value)}"' if isinstance(value, list) else str(value)
