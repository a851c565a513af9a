"""The container's environment variables, checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.analysis.errors import BadInput

_FORMATS = ("csv", "json", "parquet", "sagemakerCaptureJson")
_DRIFT_METHODS = ("LInfinity", "ChiSquared")


@dataclass(frozen=True)
class AnalysisSettings:
    """What one analysis is told. Paths under /opt/ml are already moved to `base`, where they really are."""

    base: Path
    source: Path
    output: Path
    format: str
    options: Mapping[str, Any]
    baseline_statistics: Path | None
    baseline_constraints: Path | None
    preprocessor: Path | None
    postprocessor: Path | None
    publishes_metrics: bool
    excluded: frozenset[str]
    drift_method: str | None
    analysis: str
    environ: Mapping[str, str]

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> AnalysisSettings:
        """Read them; raises BadInput."""
        base = Path(environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml")

        def path(name: str) -> Path | None:
            value = environ.get(name)
            return local_path(value, base) if value else None

        source, output = path("dataset_source"), path("output_path")
        if source is None or output is None:
            missing = [name for name in ("dataset_source", "output_path") if not environ.get(name)]
            raise BadInput(f"the environment variable {' and '.join(missing)} is not set")
        analysis = environ.get("analysis_type") or "DATA_QUALITY"
        both = (path("baseline_statistics"), path("baseline_constraints"))
        if analysis == "DATA_QUALITY" and (both[0] is None) != (both[1] is None):
            raise BadInput("baseline_statistics and baseline_constraints must be set both or neither")
        method = environ.get("categorical_drift_method") or None
        if method not in (None, *_DRIFT_METHODS):
            raise BadInput(f"categorical_drift_method is {method!r}; allowed: {', '.join(_DRIFT_METHODS)}")
        kind, options = _format(environ.get("dataset_format", ""))
        excluded = environ.get("exclude_features_attribute", "").split(",")
        return cls(
            base=base,
            source=source,
            output=output,
            format=kind,
            options=options,
            baseline_statistics=both[0],
            baseline_constraints=both[1],
            preprocessor=path("record_preprocessor_script"),
            postprocessor=path("post_analytics_processor_script"),
            publishes_metrics=environ.get("publish_cloudwatch_metrics") == "Enabled",
            excluded=frozenset(name.strip() for name in excluded if name.strip()),
            drift_method=method,
            analysis=analysis,
            environ=environ,
        )

    def inner(self, variable: str) -> Path:
        """Where the path that a variable holds really is; raises BadInput when it is not set."""
        if not self.environ.get(variable):
            raise BadInput(f"the environment variable {variable} is not set")
        return local_path(self.environ[variable], self.base)


def local_path(value: str, base: Path) -> Path:
    """Where a path of the container is on this machine."""
    given = Path(value)
    return base / given.relative_to("/opt/ml") if given.is_relative_to("/opt/ml") else given


def _format(text: str) -> tuple[str, Mapping[str, Any]]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise BadInput(f'dataset_format is {text!r}; write for example {{"csv": {{"header": true}}}}') from error
    kind = next(iter(document), None) if isinstance(document, dict) else None
    if kind not in _FORMATS or len(document) != 1:
        raise BadInput(f"dataset_format is {text}; its only key must be one of: {', '.join(_FORMATS)}")
    return str(kind), document[kind] or {}
