"""The program of a monitor's job: the captured requests of some hours against the baseline of the deployed version.

It writes Model Monitor's documents, tells CloudWatch, and leaves a message that says how it went. Exit code 1 is a job
that failed; an hour without requests is told in the message, `NoData: ...`, and is no failure of the job.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
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
    CALIBRATION,
    ESTIMATED,
    MODEL_QUALITY,
    PREPROCESSOR,
    Folders,
    MonitorSettings,
)

ANSWER = "0"  # the first column of what the endpoint answered: a probability, a class or a number
MESSAGE_BYTES = 1024  # of an ExitMessage

Client = Callable[[str], Any]


@dataclass(frozen=True)
class Verdict:
    """What an execution found. `note` is said beside how it ended; `more` are further documents by name."""

    statistics: Mapping[str, Any]
    constraints: Mapping[str, Any]
    violations: list[dict[str, str]]
    metrics: Iterable[Metric]
    rows: int
    note: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """The job's exit message, which begins as Model Monitor's does."""
        return " ".join(filter(None, (documents.exit_message(len(self.violations)), self.note)))


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
        look = _model_quality if settings.monitor == MODEL_QUALITY else _data_quality
        verdict = look(settings, folders, code, captured, client("s3"))
    output = folders.output / settings.folder
    documents.write_json(output / "statistics.json", verdict.statistics)
    documents.write_json(output / "constraints.json", verdict.constraints)
    # Also when there is none: an hour that is looked at again has no violations of the last time.
    documents.write_json(output / "constraint_violations.json", {"violations": verdict.violations})
    for name, document in verdict.more.items():
        documents.write_json(output / name, document)
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
    if (performance := _estimate_performance(folders, captured)) is None:
        return Verdict(found.statistics, found.constraints, found.violations, found.metrics(), found.data.rows)
    return Verdict(
        found.statistics,
        found.constraints,
        [*found.violations, *performance.violations(settings.least)],
        chain(found.metrics(), performance.metrics()),
        found.data.rows,
        performance.message,
        {ESTIMATED: performance.document()},
    )


def _estimate_performance(folders: Folders, captured: Path) -> Performance | None:
    """How good the model probably was; None of a version that was registered without what its scores are worth."""
    if not folders.performance.exists():
        return None
    statistics = documents.read(folders.performance, "version")
    if CALIBRATION not in statistics:
        return None
    return estimated_performance.of_binary(*answers.numbers(captured), statistics)


def _model_quality(settings: MonitorSettings, folders: Folders, code: Path, captured: Path, s3: Any) -> Verdict:
    del code
    scratch = captured.parent
    labels, merged = scratch / "labels", scratch / "merged"
    keys = list(captured_files.of_hours(s3, settings.labels, settings.window))
    if not captured_files.download(s3, settings.labels, keys, labels):
        raise BadInput(
            f"there are no labels from {settings.window} below {settings.labels}/; upload them in the hour of their "
            "requests, or make labels_after_hours as long as labels take"
        )
    tally = merge.merge(captured, labels, merged)
    section = f"{model_quality.section_of(settings.problem)}_constraints"
    rules = documents.read(folders.constraints, section) if folders.constraints.exists() else None
    binary = settings.problem == "BinaryClassification"
    columns = model_quality.Columns(
        inference_attribute=None if binary else ANSWER,
        probability_attribute=ANSWER if binary else None,
        probability_threshold=settings.threshold,
    )
    found = model_quality.analyze(Source(merged, CAPTURE), settings.problem, columns, rules)
    note = tally.message.removeprefix("Completed: ")
    violations = found.violations or []
    return Verdict(found.statistics, found.constraints, violations, found.metrics(), found.figures.rows, note)


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
