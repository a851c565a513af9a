"""The data of an analysis as one table, in whichever format it comes; every cell is as it came."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from loopback.images.clarify.configuration import CSV, JSON, JSON_LINES, Config
from slipway.analysis import datasets
from slipway.analysis.errors import BadInput
from slipway.analysis.frames import Dataset

Fetch = Callable[[str], Path]  # an S3 URI -> where its objects are on this machine


def load(config: Config, source: Path, fetch: Fetch) -> Dataset:
    """Read what the configuration says. Raises BadInput."""
    kind, headers = str(config["dataset_type"]).lower(), config.get("headers")
    paths = datasets.files(fetch(config["dataset_uri"]) if "dataset_uri" in config else source)
    if kind in (JSON_LINES, JSON):
        found = _locate_columns(config, list(_documents(paths, lines=kind == JSON_LINES)), lines=kind == JSON_LINES)
    else:
        frame = _csv(paths, headers) if kind == CSV else _parquet(paths, headers)
        found = Dataset(frame, tuple(frame.columns))
        found = replace(
            found,
            label=_configured_column(found, config, "label"),
            predicted=None
            if "predicted_label_dataset_uri" in config
            else _configured_column(found, config, "predicted_label"),
            joined_by=_configured_column(found, config, "joinsource_name_or_index"),
        )
    if found.frame.empty:
        raise BadInput(f"there is no data: {source} holds no rows")
    return _asked_with(_beside(found, config, fetch), config)


def _configured_column(found: Dataset, config: Config, key: str) -> str | None:
    return found.column(config[key], key) if key in config else None


def _csv(paths: Sequence[Path], headers: Sequence[str] | None) -> pd.DataFrame:
    """Cells as text; the first line is a header unless the configuration has other words in its place.

    A header that repeats the configuration's is left out, as AWS does (sagemaker-python-sdk's test_clarify_e2e).
    """
    frames = [_read_csv(path, headers) for path in paths]
    for path, frame in zip(paths, frames, strict=True):
        if list(frame.columns) != list(frames[0].columns):
            raise BadInput(f"{path.name} has other columns than {paths[0].name}")
    if headers is not None:
        frames = [frame.iloc[1:] if _repeats(frame, headers) else frame for frame in frames]
    return pd.concat(frames, ignore_index=True)


def _repeats(frame: pd.DataFrame, headers: Sequence[str]) -> bool:
    """Whether the first row is the header."""
    return bool(len(frame)) and [str(cell).strip() for cell in frame.iloc[0]] == list(headers)


def _read_csv(path: Path, headers: Sequence[str] | None) -> pd.DataFrame:
    given: dict[str, Any] = {} if headers is None else {"header": None}
    try:
        frame = pd.read_csv(
            path, dtype=str, keep_default_na=False, na_values=[""], skipinitialspace=True, encoding="utf-8-sig", **given
        )
    except ValueError as error:  # what pandas says of files that are not CSV is one, too
        raise BadInput(f"{path.name} is not CSV: {' '.join(str(error).split())}") from error
    return _with_headers(frame, headers, path)


def _parquet(paths: Sequence[Path], headers: Sequence[str] | None) -> pd.DataFrame:
    try:
        frames = [_with_headers(pd.read_parquet(path), headers, path) for path in paths]
    except (ValueError, OSError) as error:
        raise BadInput(f"{paths[0].name} is not Parquet: {error}") from error
    return pd.concat(frames, ignore_index=True).astype(object)


def _with_headers(frame: pd.DataFrame, headers: Sequence[str] | None, path: Path) -> pd.DataFrame:
    if headers is None:
        return frame
    if len(headers) != frame.shape[1]:
        raise BadInput(f"{path.name} has {frame.shape[1]} columns, headers names {len(headers)}: {', '.join(headers)}")
    return frame.set_axis(list(headers), axis=1)


def _documents(paths: Sequence[Path], *, lines: bool) -> Iterable[Any]:
    for path in paths:
        if lines:
            yield from (record for _, record in datasets.json_lines(path))
            continue
        try:
            yield json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise BadInput(f"{path.name} is not JSON: {error}") from error


def _locate_columns(config: Config, documents: Sequence[Any], *, lines: bool) -> Dataset:
    """Features, label and predicted label as the JMESPath expressions find them: a line has one of each, JSON all."""
    found = [locate(document, config.get("features"), "features") for document in documents]
    rows = found if lines else [row for matrix in found for row in matrix or []]
    width = len(rows[0]) if rows and isinstance(rows[0], list | dict) else 0
    if not width or any(not isinstance(row, list | dict) or len(row) != width for row in rows):
        raise BadInput(f"features is {config.get('features')!r}; it must find a list of feature values in every record")
    headers = list(config.get("headers") or [])
    names = headers[:width] or (list(rows[0]) if isinstance(rows[0], dict) else [f"_c{i}" for i in range(width)])
    if len(names) != width:
        raise BadInput(f"a record has {width} features, headers names {len(headers)}")
    frame = pd.DataFrame(
        [list(row.values()) if isinstance(row, dict) else row for row in rows], columns=names, dtype=object
    )
    told: dict[str, str | None] = {"label": None, "predicted_label": None}
    for key, fallback in (("label", headers[width : width + 1]), ("predicted_label", [])):
        if key not in config:
            continue
        values = [locate(document, str(config[key]), key) for document in documents]
        told[key] = str(fallback[0] if fallback else config[key])
        frame[told[key]] = values if lines else [value for part in values for value in part]
    return Dataset(frame, tuple(names), told["label"], told["predicted_label"])


def locate(document: Any, expression: str | None, what: str) -> Any:
    """What a JMESPath expression finds in a document; without one the document. Raises BadInput for a wrong one."""
    if expression is None:
        return document
    import jmespath

    try:
        return jmespath.search(expression, document)
    except jmespath.exceptions.JMESPathError as error:
        raise BadInput(f"{what} is {expression!r}, which is no JMESPath expression: {error}") from error


def _beside(found: Dataset, config: Config, fetch: Fetch) -> Dataset:
    """With the columns that data sets of facets and of predicted labels hold beside it, row by row or by identifier."""
    for prefix in ("facet", "predicted_label"):
        uri = config.get(f"{prefix}_dataset_uri")
        if uri is None:
            continue
        other = _csv(datasets.files(fetch(uri)), config.get(f"{prefix}_headers"))
        if found.joined_by in other.columns:
            frame = found.frame.merge(other, on=found.joined_by, how="inner", suffixes=("", "_"))
        elif len(other) != len(found.frame):
            raise BadInput(f"{prefix}_dataset_uri has {len(other)} rows, the data have {len(found.frame)}")
        else:
            frame = pd.concat([found.frame, other], axis=1)
        added = [str(name) for name in other.columns if name != found.joined_by]
        found = replace(found, frame=frame)
        if prefix == "predicted_label":
            predicted = config.get("predicted_label", added[0])
            found = replace(found, predicted=Dataset(other, ()).column(predicted, "predicted_label"))
        found = replace(found, features=tuple(name for name in found.features if name not in added))
    return found


def _asked_with(found: Dataset, config: Config) -> Dataset:
    """The features: every column of the data set but the label, the answers, identifiers and what is excluded."""
    others = {found.label, found.predicted, found.joined_by}
    others |= {found.column(each, "excluded_columns") for each in config.get("excluded_columns", ())}
    features = tuple(name for name in found.features if name not in others)
    if not features:
        raise BadInput("no column is left for the model: all of them are the label, identifiers or excluded")
    return replace(found, features=features)
