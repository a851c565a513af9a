"""Which features the answers of an hour came from: the version's model tells it of the captured requests."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.analysis import analysis_metrics, analysis_violations, capture, datasets, documents
from slipway.analysis.errors import BadInput
from slipway.monitoring.settings import Folders
from slipway.monitoring.verdict import Verdict
from slipway.tabular import explaining, scoring
from slipway.tabular.explaining import Explainer
from slipway.tabular.job import JobError
from slipway.tabular.serving import BadRequest, Model

_AT_ONCE = 5_000  # rows whose contributions are made together
_NONE = np.empty((0, 1, 1))

Request = tuple[str, str]  # body, content type


def judge(folders: Folders, captured: Path) -> Verdict:
    """Compare the ranking of the features with the baseline's. Raises BadInput."""
    config, baseline = documents.read(folders.config, "methods"), documents.read(folders.analysis, "version")
    archive = folders.model / "model.tar.gz"
    if not archive.exists():
        raise BadInput(f"{archive} is missing: the version's model is an input of this job")
    with tempfile.TemporaryDirectory() as unpacked:
        try:
            model = scoring.unpack(archive, Path(unpacked)).model
            explainer = explaining.as_registered(model, baseline)
            found, note = _contributions(model, explainer, captured)
        except JobError as error:
            raise BadInput(str(error)) from None
    if not len(found):
        raise BadInput(f"none of the captured requests can be read by the model: {note}")
    analysis = explaining.analysis(model, explainer, found, config["methods"]["shap"]["agg_method"])
    return Verdict(
        {"analysis.json": analysis},
        [*analysis_violations.of_attributions(analysis, baseline)],
        analysis_metrics.of(analysis, {}, ""),
        len(found),
        note,
    )


def _contributions(model: Model, explainer: Explainer, captured: Path) -> tuple[Any, str]:
    """(the contributions of the rows of the requests, what is to be said of them)."""
    if explainer.most is not None:
        return _of_some(model, explainer, _requests(captured), explainer.most)
    parts, waiting, rows, unread = [], [], 0, 0
    for request in _requests(captured):
        if (parsed := _parse(model, request)) is None:
            unread += 1
            continue
        waiting.append(parsed)
        rows += len(parsed)
        if rows >= _AT_ONCE:
            parts.append(explainer.contributions(np.concatenate(waiting)))
            waiting, rows = [], 0
    if waiting:
        parts.append(explainer.contributions(np.concatenate(waiting)))
    return (np.concatenate(parts) if parts else _NONE), _say_unread(unread)


def _of_some(model: Model, explainer: Explainer, requests: Iterator[Request], most: int) -> tuple[Any, str]:
    """The same of some of the requests, and of their rows, where each takes long or leaves much."""
    chosen, count = _draw(requests, most)
    read = [parsed for request in chosen if (parsed := _parse(model, request)) is not None]
    unread = _say_unread(len(chosen) - len(read))
    if not read:
        return _NONE, unread
    rows = sum(map(len, read))
    every = _take(read, np.linspace(0, rows - 1, min(most, rows)).astype(int))
    some = f"{len(every)} rows of {len(chosen)} among {count} captured requests were explained."
    bounded = len(every) < rows or len(chosen) < count
    return explainer.contributions(every), " ".join(filter(None, (some if bounded else "", unread)))


def _take(parts: list[Any], places: NDArray[np.int64]) -> Any:
    """Some rows of matrices, or of the frames of a model.py, that are one behind the other."""
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)[places]
    import pandas as pd  # which XGBoost does without

    return pd.concat(parts, ignore_index=True).iloc[places]


def _parse(model: Model, request: Request) -> Any:
    """A request's rows as the model sees them; None where it refuses them."""
    try:
        return model.parse(*request)
    except BadRequest:
        return None


def _say_unread(count: int) -> str:
    return f"{count} captured requests could not be read." if count else ""


def _draw(requests: Iterator[Request], most: int) -> tuple[list[Request], int]:
    """(at most so many of the requests, each as likely as any other, how many there are)."""
    chance, chosen, count = random.Random(0), list[Request](), 0  # equal hours, equal figures
    for count, request in enumerate(requests, 1):
        if len(chosen) < most:
            chosen.append(request)
        elif (place := chance.randrange(count)) < most:
            chosen[place] = request
    return chosen, count


def _requests(captured: Path) -> Iterator[Request]:
    """Each captured request."""
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
