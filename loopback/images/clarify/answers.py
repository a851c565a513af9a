"""What a model's answer says of each record: scores, and the label that it predicts."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from loopback.images.clarify.configuration import CSV, JSON_LINES, THRESHOLD, Config
from loopback.images.clarify.dataset import locate
from slipway.analysis.errors import BadInput
from slipway.analysis.frames import numbers

Scores = npt.NDArray[np.float64]  # a row for each record, a column for each score


@dataclass(frozen=True)
class Reader:
    """Where in an answer the label and the scores are; see the predictor of the analysis configuration.

    `names` belong to the scores, one each; a score above `threshold` means the label 1 where there is only one.
    """

    label: str | int | None = None
    probability: str | int | None = None
    names: tuple[Any, ...] = ()
    threshold: float = THRESHOLD

    @classmethod
    def of(cls, config: Config, environ: Mapping[str, str]) -> Reader:
        """From an analysis configuration; what a monitor's input says in the environment goes first."""
        predictor = config.get("predictor") or {}
        threshold = environ.get("probability_threshold_attribute") or config.get("probability_threshold", THRESHOLD)
        return cls(
            environ.get("inference_attribute") or predictor.get("label"),
            environ.get("probability_attribute") or predictor.get("probability"),
            tuple(predictor.get("label_headers", ())),
            float(threshold),
        )

    def scores(self, body: str, kind: str, count: int) -> Scores:
        """Every score of each record. Raises BadInput where the answer has something else at that place."""
        place = self.label if self.probability is None else self.probability
        found = [_as_list(value) for value in records(body, kind, count, place)]
        widths = {len(values) for values in found}
        try:
            matrix = np.array(found, dtype=np.float64)
        except (TypeError, ValueError):
            raise BadInput(f"{_where(place)} in the model's answer are no numbers, for example {found[0]!r}") from None
        if len(widths) != 1 or (place is None and not self.names and widths != {1}):
            raise BadInput(
                f"the model answers {found[0]!r}; say where its score is (predictor.probability or predictor.label)"
            )
        return matrix

    def labels(self, body: str, kind: str, count: int, *, classes: bool) -> list[Any]:
        """The predicted label of each record; `classes`: labels are classes, so a single score needs the threshold."""
        if self.probability is None and self.label is not None:
            told = records(body, kind, count, self.label)
            found = numbers(pd.Series(told, dtype=object))
            whole = found is None or bool((found == found.round()).all())
            if whole or not classes:
                return told
        scores = self.scores(body, kind, count)
        if scores.shape[1] > 1:
            return self._likeliest(scores, body, kind, count)
        if not classes:
            return list(scores[:, 0])
        return list((scores[:, 0] > self.threshold).astype(int))

    def _likeliest(self, scores: Scores, body: str, kind: str, count: int) -> list[Any]:
        best = scores.argmax(axis=1)
        if len(self.names) == scores.shape[1]:
            return [self.names[index] for index in best]
        if self.label is None:
            raise BadInput(f"the model answers {scores.shape[1]} scores; predictor.label_headers must name as many")
        told = records(body, kind, count, self.label)
        return [
            _as_list(names)[index] if isinstance(names, list) else names
            for names, index in zip(told, best, strict=True)
        ]


def records(body: str, kind: str, count: int, place: str | int | None) -> list[Any]:
    """What an answer has for each of `count` records, at an index or a JMESPath expression, or all of it."""
    if kind == CSV:
        found = _csv(body, count, place)
    elif kind == JSON_LINES:
        found = [_at(json.loads(line), place) for line in body.splitlines() if line.strip()]
    else:
        found = _json(json.loads(body), count, place)
    if len(found) != count:
        raise BadInput(f"the model was asked about {count} records and answered with {len(found)}")
    return found


def _csv(body: str, count: int, place: str | int | None) -> list[Any]:
    rows = [row for row in csv.reader(body.splitlines(), skipinitialspace=True) if row]
    if len(rows) == 1 < count == len(rows[0]):  # all answers in one line
        rows = [[cell] for cell in rows[0]]
    if place is None:
        return [[_value(cell) for cell in row] for row in rows]
    if not str(place).isdigit():
        raise BadInput(f"{_where(place)} must be the number of a column: the model answers in {CSV}")
    if any(len(row) <= int(place) for row in rows):
        raise BadInput(f"the model's answer has no column {place}: {','.join(rows[0])!r}")
    return [_value(row[int(place)]) for row in rows]


def _json(document: Any, count: int, place: str | int | None) -> list[Any]:
    if isinstance(place, str) and not place.isdigit():
        whole = locate(document, place, "the place in the model's answer")
        if isinstance(whole, list) and len(whole) == count:
            return whole
        if count == 1 and whole is not None:
            return [whole]
    return [_at(record, place) for record in rows_of(document)]


def rows_of(document: Any) -> list[Any]:
    """The records of a JSON document: a list, the only list of an object, or the document itself."""
    if isinstance(document, dict):
        lists = [value for value in document.values() if isinstance(value, list)]
        document = lists[0] if len(lists) == 1 else [document]
    if not isinstance(document, list):
        return [document]
    return document


def _at(record: Any, place: str | int | None) -> Any:
    """A member of one record: by number, or by JMESPath expression."""
    if place is None:
        return record
    if not str(place).isdigit():
        return locate(record, str(place), "the place in the model's answer")
    members = list(record.values()) if isinstance(record, dict) else _as_list(record)
    if len(members) <= int(place):
        raise BadInput(f"the model's answer has no place {place}: {json.dumps(record)[:80]}")
    return members[int(place)]


def _as_list(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else [value]


def _value(cell: str) -> Any:
    """A list, a number or a text."""
    if cell.startswith("["):
        try:
            return json.loads(cell)
        except ValueError:
            return cell
    try:
        return float(cell)
    except ValueError:
        return cell


def _where(place: str | int | None) -> str:
    return "the values" if place is None else f"the values at {place!r}"


def join(parts: Sequence[Scores]) -> Scores:
    """The scores of several answers under each other. Raises BadInput when they differ in number."""
    if len({part.shape[1] for part in parts}) != 1:
        raise BadInput("the model answers with different numbers of scores")
    return np.concatenate(parts)
