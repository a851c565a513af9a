"""The program in the container: read its environment, analyze the data, write the documents, leave a message."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loopback.images.model_monitor.settings import AnalysisSettings
from slipway.analysis import documents
from slipway.analysis.errors import BadInput

if TYPE_CHECKING:
    from slipway.analysis.data_quality import Baseline
    from slipway.analysis.metrics import Metric
    from slipway.analysis.source import Source


def main(environ: Mapping[str, str]) -> int:
    """Run one analysis; 0, or 1 with one line on stderr. Either way `<base>/output/message` says how it went."""
    base = Path(environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml")
    try:
        settings = AnalysisSettings.from_environment(environ)
        message, code = analyze(settings, datetime.now(UTC)), 0
    except (BadInput, OSError) as error:
        message, code = f"Error: {error}", 1
    print(message, file=sys.stderr if code else sys.stdout)
    documents.write_text(base / "output" / "message", message)
    return code


def analyze(settings: AnalysisSettings, now: datetime) -> str:
    """Do what `settings` ask, and tell the exit message. Raises BadInput or OSError."""
    if settings.analysis == "MODEL_QUALITY":
        return _model_quality(settings, now)
    if settings.analysis == "GROUND_TRUTH_MERGE":
        from slipway.analysis import merge

        return merge.merge(settings.source, settings.inner("ground_truth_source"), settings.output).message
    if settings.analysis != "DATA_QUALITY":
        known = "DATA_QUALITY, MODEL_QUALITY and GROUND_TRUTH_MERGE"
        raise BadInput(f"analysis_type is {settings.analysis!r}; loopback runs {known}")
    return _data_quality(settings, now)


def _data_quality(settings: AnalysisSettings, now: datetime) -> str:
    from slipway.analysis import data_quality  # numpy and pyarrow load here

    baseline = _baseline(settings)
    found = data_quality.analyze(_source(settings), baseline, settings.drift_method)
    _write(settings, found.statistics, found.constraints, found.violations)
    if data_quality.emits_metrics(baseline):
        _publish(settings, found.metrics(), now)
    if settings.postprocessor is not None:
        from slipway.analysis import capture

        capture.load(settings.postprocessor, "postprocess_handler")()
    return documents.exit_message(len(found.violations))


def _model_quality(settings: AnalysisSettings, now: datetime) -> str:
    from slipway.analysis import model_quality

    given, problem, rules = settings.environ, settings.environ.get("problem_type", ""), None
    section = model_quality.section_of(problem)
    if settings.baseline_constraints is not None:
        rules = documents.read(settings.baseline_constraints, f"{section}_constraints")
    columns = model_quality.Columns(
        given.get("ground_truth_attribute"),
        given.get("inference_attribute"),
        given.get("probability_attribute"),
        float(given.get("probability_threshold_attribute") or 0.5),
    )
    found = model_quality.analyze(_source(settings), problem, columns, rules)
    _write(settings, found.statistics, found.constraints, found.violations or [])
    _publish(settings, found.metrics(), now)
    return documents.exit_message(len(found.violations or []))


def _source(settings: AnalysisSettings) -> Source:
    from slipway.analysis import capture
    from slipway.analysis.source import Source

    preprocess = capture.load_preprocessor(settings.preprocessor) if settings.preprocessor else None
    return Source(settings.source, settings.format, settings.options, preprocess, settings.excluded)


def _baseline(settings: AnalysisSettings) -> Baseline | None:
    from slipway.analysis.data_quality import Baseline

    if settings.baseline_statistics is None or settings.baseline_constraints is None:
        return None
    return Baseline(
        documents.read_features(settings.baseline_statistics), documents.read_features(settings.baseline_constraints)
    )


def _write(
    settings: AnalysisSettings,
    statistics: Mapping[str, Any],
    constraints: Mapping[str, Any],
    violations: list[dict[str, str]],
) -> None:
    documents.write_json(settings.output / "statistics.json", statistics)
    documents.write_json(settings.output / "constraints.json", constraints)
    if violations:
        documents.write_json(settings.output / "constraint_violations.json", {"violations": violations})


def _publish(settings: AnalysisSettings, found: Iterable[Metric], now: datetime) -> None:
    if settings.publishes_metrics:
        from loopback.images.model_monitor import metrics

        metrics.write(settings.base, settings.environ, found, now)
