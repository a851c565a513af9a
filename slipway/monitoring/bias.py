"""Bias of an hour's answers: requests with their labels, judged as the version's own analysis was."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pandas as pd

from slipway.analysis import analysis_metrics, analysis_violations, bias, capture, datasets, documents, multiclass
from slipway.analysis.bias import POST, PRE
from slipway.analysis.capture import Preprocess
from slipway.analysis.errors import BadInput
from slipway.analysis.frames import Dataset
from slipway.monitoring.settings import Folders
from slipway.monitoring.verdict import Verdict

FEWEST = 30  # rows of a group, and of all others, in an hour that is judged
FALSE_ALARMS = 0.005  # the share of hours in which any metric may seem worse by chance
_ALL = {"methods": "all"}
_PREDICTED = "endpoint's answer"

Row = dict[str, Any]


def judge(folders: Folders, merged: Path, preprocess: Preprocess, threshold: float) -> Verdict:
    """Compare with the baseline, with room for chance. `threshold` is that of the model's decision. Raises BadInput."""
    config = documents.read(folders.config, "facet")
    baseline = documents.read(folders.analysis, "version")
    frame = pd.DataFrame(_rows(merged, preprocess, config, threshold), dtype=object)
    label, headers = str(config["label"]), list(config["headers"])
    features = tuple(name for name in headers if name != label)
    if lacking := [name for name in features if name not in frame]:
        raise BadInput(f"the requests have no column {', '.join(lacking)}, which the version was analyzed with")
    if classes := _classes(config):
        frame[label], frame[_PREDICTED] = (bias.categories(frame[name], classes) for name in (label, _PREDICTED))
    positives = config["label_values_or_threshold"]
    answered = bool(frame[_PREDICTED].isin(positives if classes else [1]).any())
    stages = {PRE: _ALL, POST: _ALL} if answered else {PRE: _ALL}
    questions = bias.questions(Dataset(frame, features, label), config | {"methods": stages}, frame[_PREDICTED])
    analysis = {"version": "1.0", **bias.sections(questions)}
    values = {question.name: question.facet_value for question in questions}

    def spread(section: str, facet: str, place: int, metric: str) -> float:
        asked = (section.removesuffix("_metrics"), facet)
        question = next(one for one in questions if (one.stage, one.name) == asked)
        found = question.spread(metric, place) if question.fewest(place) >= FEWEST else None
        return math.inf if found is None else found  # so few rows prove nothing

    sure = NormalDist().inv_cdf(1 - FALSE_ALARMS / max(analysis_violations.compared_metrics(baseline), 1))
    positive = ",".join(map(str, positives))
    return Verdict(
        {"analysis.json": analysis},
        [*analysis_violations.of_bias(analysis, baseline, values, spread, sure)],
        analysis_metrics.of(analysis, values, positive),
        len(frame),
        "" if answered else f"No answer is {positive}: nothing is said of how the model treats the groups.",
    )


def _rows(merged: Path, preprocess: Preprocess, config: Mapping[str, Any], threshold: float) -> Iterator[Row]:
    """Each row of each request with its label and what the model decided, 1 or 0; or with the names of both classes."""
    known = {multiclass.normalize_label(name): name for name in _classes(config)}
    for path in datasets.files(merged):
        for number, record in datasets.json_lines(path):
            where = f"{path.name}, line {number}"
            try:
                requests = [*capture.preprocess_record(record, preprocess)]
                answers = [*capture.answers_with_labels(record)]
            except ValueError as error:
                raise BadInput(f"{where}: {error}") from error
            if len(requests) != len(answers):
                raise BadInput(f"{where}: the request has {len(requests)} rows and the answer {len(answers)}")
            for request, answer in zip(requests, answers, strict=True):
                told, label = answer.get("0"), answer["groundTruth"]
                if known:
                    told, label = (
                        _class_of(value, known, what, where) for value, what in ((told, "answer"), (label, "label"))
                    )
                else:
                    told = int(_number(told, where) >= threshold)
                yield {**request, str(config["label"]): label, _PREDICTED: told}


def _classes(config: Mapping[str, Any]) -> Sequence[str]:
    """Those of a model of several classes."""
    found: Sequence[str] = (config.get("predictor") or {}).get("label_headers") or ()
    return found


def _class_of(value: Any, known: Mapping[str, str], what: str, where: str) -> str:
    name = known.get(multiclass.normalize_label(value))
    if name is None:
        raise BadInput(f"{where}: the {what} is {value!r}; expected one of {', '.join(known.values())}")
    return name


def _number(value: Any, where: str) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise BadInput(f"{where}: the answer is {value!r}; expected a probability") from None
