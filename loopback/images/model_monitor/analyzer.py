"""The program in the container: read its environment, analyze the data, write the documents, leave a message."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loopback.images.model_monitor import documents
from loopback.images.model_monitor.errors import BadInput
from loopback.images.model_monitor.settings import AnalysisSettings


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
        from loopback.images.model_monitor import model_quality

        return model_quality.analyze(settings, now)
    if settings.analysis == "GROUND_TRUTH_MERGE":
        from loopback.images.model_monitor import merge

        return merge.merge(settings)
    if settings.analysis != "DATA_QUALITY":
        known = "DATA_QUALITY, MODEL_QUALITY and GROUND_TRUTH_MERGE"
        raise BadInput(f"analysis_type is {settings.analysis!r}; loopback runs {known}")
    from loopback.images.model_monitor import constraints, profile, source, violations  # numpy and pyarrow load here

    baseline, rules = _baseline(settings)
    domains = {feature["name"]: violations.domains_of(feature) for feature in rules["features"]} if rules else {}
    data = profile.profile(source.chunks(settings, [f["name"] for f in rules["features"]] if rules else []), domains)
    if not data.rows:
        raise BadInput(f"there is no data: {settings.source} holds no rows")
    statistics = profile.statistics(data)
    documents.write_json(settings.output / "statistics.json", statistics)
    documents.write_json(settings.output / "constraints.json", constraints.suggest(statistics, settings.drift_method))
    found, apart = violations.find(data, baseline, rules) if baseline and rules else ([], {})
    if found:
        documents.write_json(settings.output / "constraint_violations.json", {"violations": found})
    if settings.publishes_metrics and (rules is None or constraints.config_of(rules, {})["emit_metrics"] == "Enabled"):
        from loopback.images.model_monitor import metrics

        metrics.write(settings.base, settings.environ, metrics.of_data(data, apart), now)
    _postprocess(settings)
    return documents.exit_message(len(found))


def _baseline(settings: AnalysisSettings) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """(statistics, constraints) to compare with, without the features that the settings leave out."""
    if settings.baseline_statistics is None or settings.baseline_constraints is None:
        return None, None
    statistics = documents.read_features(settings.baseline_statistics)
    rules = documents.read_features(settings.baseline_constraints)
    features = [feature for feature in rules["features"] if feature["name"] not in settings.excluded]
    return statistics, {**rules, "features": features}


def _postprocess(settings: AnalysisSettings) -> None:
    if settings.postprocessor is None:
        return
    from loopback.images.model_monitor import capture

    capture.load(settings.postprocessor, "postprocess_handler")()
