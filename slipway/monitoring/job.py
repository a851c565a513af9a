"""The program of a monitor's job: the captured requests of some hours against the baseline of the deployed version.

It writes Model Monitor's documents, tells CloudWatch, and leaves a message that says how it went. Exit code 1 is a job
that failed; an hour without requests is told in the message, `NoData: ...`, and is no failure of the job.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from slipway.analysis import answers, capture, data_quality, documents, estimated_performance, merge, model_quality
from slipway.analysis.data_quality import Baseline
from slipway.analysis.errors import BadInput
from slipway.analysis.estimated_performance import Performance
from slipway.analysis.metrics import Metric
from slipway.analysis.source import CAPTURE, Source
from slipway.monitoring import captured_files, publish
from slipway.monitoring.settings import (
    BIAS,
    CALIBRATION,
    DATA_QUALITY,
    ESTIMATED,
    EXPLAINABILITY,
    MODEL_QUALITY,
    PREPROCESSOR,
    Folders,
    MonitorSettings,
)
from slipway.monitoring.verdict import Verdict

STATISTICS, CONSTRAINTS = "statistics.json", "constraints.json"
ANSWER = "0"  # the first column of what the endpoint answered: a probability, a class or a number
MESSAGE_BYTES = 1024  # of an ExitMessage

Client = Callable[[str], Any]


def main(environ: Mapping[str, str], code: Path, base: Path = Path("/opt/ml"), client: Client | None = None) -> int:
    """Run one execution; `code` is the folder of the program. 0, or 1 with one line on stderr."""
    folders = Folders(base)
    try:
        settings = MonitorSettings.from_environment(environ)
        message, failed = run(settings, folders, code, client or _clients(settings.region)), 0
    except (BadInput, OSError) as error:
        message, failed = f"Error: {error}", 1
    except Exception as error:
        if not _is_of_aws(error):
            raise
        message, failed = f"Error: {error}", 1
    print(message, file=sys.stderr if failed else sys.stdout)
    documents.write_text(folders.message, message.encode()[:MESSAGE_BYTES].decode(errors="ignore"))
    return failed


def run(settings: MonitorSettings, folders: Folders, code: Path, client: Client) -> str:
    """Look at the window and tell the exit message. Raises BadInput, OSError or botocore's errors."""
    with tempfile.TemporaryDirectory() as scratch:
        captured = Path(scratch) / "captured"
        files = _bring_captures(settings, captured, client("s3"))
        if not files:
            message = f"NoData: {settings.endpoint} captured nothing from {settings.window} below {settings.captures}"
            _write_facts(settings, folders, message)
            return message
        verdict = _look(settings, folders, code, captured, client("s3"))
    output = folders.output / settings.folder
    for name, document in verdict.written.items():
        documents.write_json(output / name, document)
    # Also when there is none: an hour that is looked at again has no violations of the last time.
    documents.write_json(output / "constraint_violations.json", {"violations": verdict.violations})
    message = verdict.message
    if not settings.asked:
        message += _publish(settings, verdict.metrics, client)
    _write_facts(settings, folders, message, files=files, rows=verdict.rows, violations=len(verdict.violations))
    return message


def _bring_captures(settings: MonitorSettings, folder: Path, s3: Any) -> int:
    place = f"{settings.captures}/{settings.endpoint}"
    keys = [
        key
        for variant in captured_files.variants(s3, place)
        for key in captured_files.of_hours(s3, f"{place}/{variant}", settings.window)
    ]
    return captured_files.download(s3, place, keys, folder)


def _data_quality(settings: MonitorSettings, folders: Folders, code: Path, captured: Path, s3: Any) -> Verdict:
    del s3
    baseline = Baseline(documents.read_features(folders.statistics), documents.read_features(folders.constraints))
    preprocess = capture.load_preprocessor(code / PREPROCESSOR)
    found = data_quality.analyze(Source(captured, CAPTURE, preprocess=preprocess), baseline)
    written = {STATISTICS: found.statistics, CONSTRAINTS: found.constraints}
    if (performance := _estimate_performance(folders, captured)) is None:
        return Verdict(written, found.violations, found.metrics(), found.data.rows)
    return Verdict(
        {**written, ESTIMATED: performance.document()},
        [*found.violations, *performance.violations(settings.least)],
        chain(found.metrics(), performance.metrics()),
        found.data.rows,
        performance.message,
    )


def _estimate_performance(folders: Folders, captured: Path) -> Performance | None:
    """How good the model probably was; None of a version that was registered without what its scores are worth."""
    if not folders.performance.exists():
        return None
    statistics = documents.read(folders.performance, "version")
    if CALIBRATION not in statistics:
        return None
    if classes := estimated_performance.classes_of(statistics):
        return estimated_performance.of_multiclass(*answers.probabilities(captured, classes), statistics)
    return estimated_performance.of_binary(*answers.numbers(captured), statistics)


def _model_quality(settings: MonitorSettings, folders: Folders, code: Path, captured: Path, s3: Any) -> Verdict:
    del code
    merged, note = _merge_labels(settings, captured, s3)
    section = f"{model_quality.section_of(settings.problem)}_constraints"
    rules = documents.read(folders.constraints, section) if folders.constraints.exists() else None
    binary = settings.problem == "BinaryClassification"
    columns = model_quality.Columns(
        inference_attribute=None if binary else ANSWER,
        probability_attribute=ANSWER if binary else None,
        probability_threshold=settings.threshold,
    )
    found = model_quality.analyze(Source(merged, CAPTURE), settings.problem, columns, rules)
    written = {STATISTICS: found.statistics, CONSTRAINTS: found.constraints}
    return Verdict(written, found.violations or [], found.metrics(), found.figures.rows, note)


def _merge_labels(settings: MonitorSettings, captured: Path, s3: Any) -> tuple[Path, str]:
    """(where the captured records are that have a label, how many those are in words). Raises BadInput without any."""
    labels, merged = captured.parent / "labels", captured.parent / "merged"
    keys = list(captured_files.of_hours(s3, settings.labels, settings.window))
    if not captured_files.download(s3, settings.labels, keys, labels):
        raise BadInput(
            f"there are no labels from {settings.window} below {settings.labels}/; upload them in the hour of their "
            "requests, or make labels_after_hours as long as labels take"
        )
    tally = merge.merge(captured, labels, merged)
    return merged, tally.message.removeprefix("Completed: ")


def _bias(settings: MonitorSettings, folders: Folders, code: Path, captured: Path, s3: Any) -> Verdict:
    from slipway.monitoring import bias  # pandas loads here

    merged, note = _merge_labels(settings, captured, s3)
    preprocess = capture.load_preprocessor(code / PREPROCESSOR)
    found = bias.judge(folders, merged, preprocess, settings.threshold)
    return replace(found, note=" ".join(filter(None, (note, found.note))))


def _explainability(settings: MonitorSettings, folders: Folders, code: Path, captured: Path, s3: Any) -> Verdict:
    del settings, code, s3
    from slipway.monitoring import explanations  # xgboost loads here

    return explanations.judge(folders, captured)


def _look(settings: MonitorSettings, folders: Folders, code: Path, captured: Path, s3: Any) -> Verdict:
    kinds = {
        DATA_QUALITY: _data_quality,
        MODEL_QUALITY: _model_quality,
        BIAS: _bias,
        EXPLAINABILITY: _explainability,
    }
    return kinds[settings.monitor](settings, folders, code, captured, s3)


def _publish(settings: MonitorSettings, metrics: Iterable[Metric], client: Client) -> str:
    """Tell CloudWatch; what it refuses is said, and takes nothing from the verdict."""
    at = settings.window.at
    try:
        for request in publish.requests(settings.monitor, settings.endpoint, settings.schedule, metrics, at):
            client("cloudwatch").put_metric_data(**request)
    except Exception as error:
        if not _is_of_aws(error):
            raise
        return f" CloudWatch took no metrics: {error}"
    return ""


def _write_facts(settings: MonitorSettings, folders: Folders, message: str, **figures: int) -> None:
    """`execution.json`: what was looked at. It is there for every execution, so that none leaves an empty folder."""
    window = {"start": settings.window.start.isoformat(), "end": settings.window.end.isoformat()}
    facts = {"monitor": settings.monitor, "endpoint": settings.endpoint, "schedule": settings.schedule}
    documents.write_json(
        folders.output / settings.folder / "execution.json", facts | {"window": window, "message": message} | figures
    )


def _clients(region: str) -> Client:
    import boto3

    return lambda service: boto3.client(service, region_name=region or None)


def _is_of_aws(error: Exception) -> bool:
    """Whether it is botocore's, or that of a transfer: told in one line, as what the job cannot mend."""
    return type(error).__module__.partition(".")[0] in ("botocore", "boto3")
