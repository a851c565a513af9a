"""Which features the answers of an hour came from: the version's model tells it of the captured requests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from slipway.analysis import analysis_metrics, analysis_violations, capture, datasets, documents
from slipway.analysis.errors import BadInput
from slipway.monitoring.settings import Folders
from slipway.monitoring.verdict import Verdict
from slipway.tabular import explaining, scoring
from slipway.tabular.job import JobError
from slipway.tabular.serving import BadRequest, Model

_AT_ONCE = 5_000  # rows whose contributions are made together


def judge(folders: Folders, captured: Path) -> Verdict:
    """Compare the ranking of the features with the baseline's. Raises BadInput."""
    config, baseline = documents.read(folders.config, "methods"), documents.read(folders.analysis, "version")
    archive = folders.model / "model.tar.gz"
    if not archive.exists():
        raise BadInput(f"{archive} is missing: the version's model is an input of this job")
    with tempfile.TemporaryDirectory() as unpacked:
        try:
            model = scoring.unpack(archive, Path(unpacked)).model
            found, unread = _contributions(model, captured)
        except JobError as error:
            raise BadInput(str(error)) from None
    if not len(found):
        raise BadInput(f"none of the {unread} captured requests can be read by the model")
    analysis = explaining.analysis(model, found, config["methods"]["shap"]["agg_method"])
    return Verdict(
        {"analysis.json": analysis},
        [*analysis_violations.of_attributions(analysis, baseline)],
        analysis_metrics.of(analysis, {}, ""),
        len(found),
        f"{unread} captured requests could not be read." if unread else "",
    )


def _contributions(model: Model, captured: Path) -> tuple[Any, int]:
    """(the contributions of every row of every request, how many requests the model refuses)."""
    parts, waiting, rows, unread = [], [], 0, 0
    for body, kind in _requests(captured):
        try:
            waiting.append(model.parse(body, kind))
        except BadRequest:
            unread += 1
            continue
        rows += len(waiting[-1])
        if rows >= _AT_ONCE:
            parts.append(explaining.contributions(model, np.concatenate(waiting)))
            waiting, rows = [], 0
    if waiting:
        parts.append(explaining.contributions(model, np.concatenate(waiting)))
    return (np.concatenate(parts) if parts else np.empty((0, 1, 1))), unread


def _requests(captured: Path) -> Iterator[tuple[str, str]]:
    """(body, content type) of each captured request."""
    for path in datasets.files(captured):
        for number, record in datasets.json_lines(path):
            side = (record.get("captureData") or {}).get("endpointInput")
            if not isinstance(side, dict):
                raise BadInput(f"{path.name}, line {number}: the request is not captured")
            try:
                kind, text = capture.text_of(side)
            except ValueError as error:
                raise BadInput(f"{path.name}, line {number}: {error}") from error
            yield text, "text/csv" if kind == "CSV" else "application/json"
