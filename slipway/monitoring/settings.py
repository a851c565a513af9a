"""What an execution of a monitor is told: the environment variables of its job."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from slipway.analysis.errors import BadInput
from slipway.monitoring.window import Window, moment_of

DATA_QUALITY, MODEL_QUALITY, BIAS, EXPLAINABILITY = "data_quality", "model_quality", "bias", "explainability"
MONITORS = (DATA_QUALITY, MODEL_QUALITY, BIAS, EXPLAINABILITY)
LABELLED = (MODEL_QUALITY, BIAS)
# values of the pipeline's parameters when nothing is asked for
AT_START, SCHEDULED = "start", "no"
PROCESSING = "/opt/ml/processing"
CONFIG_FILE = "analysis_config.json"  # what a monitor of bias or explanations is configured with
ENGINE = "engine"  # a member of that document, where only one engine can use it
CALIBRATION = "calibration"  # a member of a version's statistics of model quality: what its scores are worth
ESTIMATED = "estimated_performance.json"  # a document of data quality
PREPROCESSOR = "monitor_preprocessor.py"  # beside the program
_REQUIRED = ("monitor", "endpoint", "schedule", "captures", "started", "hours")


@dataclass(frozen=True)
class Folders:
    """Where the job finds and leaves files; below /opt/ml in a container."""

    base: Path

    @property
    def statistics(self) -> Path:
        """The baseline's statistics.json, in a folder of its own."""
        return self.base / "processing/baseline/stats"

    @property
    def constraints(self) -> Path:
        """The baseline's constraints.json, in a folder of its own."""
        return self.base / "processing/baseline/constraints"

    @property
    def analysis(self) -> Path:
        """The baseline's analysis.json of bias or explanations, in a folder of its own."""
        return self.base / "processing/baseline/analysis"

    @property
    def config(self) -> Path:
        """What a monitor of bias or explanations is configured with, in a folder of its own."""
        return self.base / "processing/baseline/config"

    @property
    def model(self) -> Path:
        """The version's model.tar.gz, in a folder of its own."""
        return self.base / "processing/baseline/model"

    @property
    def performance(self) -> Path:
        """The version's statistics of model quality, in a folder of its own."""
        return self.base / "processing/baseline/performance"

    @property
    def output(self) -> Path:
        """What is uploaded."""
        return self.base / "processing/output"

    @property
    def message(self) -> Path:
        """The job's ExitMessage."""
        return self.base / "output/message"


@dataclass(frozen=True)
class MonitorSettings:
    """One look of a monitor at its endpoint. `asked` is empty for scheduled ones, else the name of the request.

    `least` has what an estimate of the performance must reach, by metric.
    """

    monitor: str
    endpoint: str
    schedule: str
    captures: str
    window: Window
    asked: str = ""
    labels: str = ""
    problem: str = ""
    threshold: float = 0.5
    least: Mapping[str, float] = field(default_factory=dict)
    region: str = ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> MonitorSettings:
        """Read and check them; raises BadInput."""
        if missing := [name for name in _REQUIRED if not environ.get(name)]:
            raise BadInput(f"not set: {', '.join(missing)}; the pipeline {environ.get('schedule', '')} sets them")
        if environ["monitor"] not in MONITORS:
            raise BadInput(f"monitor is {environ['monitor']!r}; expected {' or '.join(MONITORS)}")
        until = environ.get("until") or AT_START
        asked = environ.get("asked") or SCHEDULED
        labelled = environ["monitor"] in LABELLED
        needed = ("labels", "problem_type") if environ["monitor"] == MODEL_QUALITY else ("labels",)
        if labelled and not all(environ.get(name) for name in needed):
            raise BadInput(f"{environ['monitor']} needs {' and '.join(needed)}")
        return cls(
            monitor=environ["monitor"],
            endpoint=environ["endpoint"],
            schedule=environ["schedule"],
            captures=environ["captures"].rstrip("/"),
            window=Window.ending(
                _moment(environ["started"] if until == AT_START else until),
                _whole("hours", environ["hours"]),
                _whole("labels_after_hours", environ.get("labels_after_hours") or "0") if labelled else 0,
            ),
            asked="" if asked == SCHEDULED else _name(asked),
            labels=environ.get("labels", "").rstrip("/"),
            problem=environ.get("problem_type", ""),
            threshold=_share("probability_threshold", environ.get("probability_threshold") or "0.5"),
            least=_limits(environ.get("estimated_performance") or "{}"),
            region=environ.get("AWS_DEFAULT_REGION") or environ.get("AWS_REGION", ""),
        )

    @property
    def folder(self) -> str:
        """Where its documents go below those of the schedule."""
        return f"asked/{self.asked}" if self.asked else self.window.folder


def _moment(text: str) -> datetime:
    try:
        return moment_of(text)
    except (ValueError, OverflowError, OSError):
        raise BadInput(f"{text!r} is no time; write it like 2026-11-30T08:00:00Z") from None


def _whole(name: str, text: str) -> int:
    if not text.isdecimal() or (name == "hours" and int(text) < 1) or int(text) > 24 * 31:
        raise BadInput(f"{name} is {text!r}; expected a whole number of hours, 744 at most")
    return int(text)


def _share(name: str, text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found <= 1:
        raise BadInput(f"{name} is {text!r}; expected a number from 0 to 1")
    return found


def _limits(text: str) -> dict[str, float]:
    try:
        return {str(name): float(value) for name, value in json.loads(text).items()}
    except (AttributeError, TypeError, ValueError):
        raise BadInput(f"estimated_performance is {text!r}; expected a JSON object of metrics and numbers") from None


def _name(text: str) -> str:
    if not text.replace("-", "").replace("/", "").isalnum():
        raise BadInput(f"asked is {text!r}; expected letters, digits, - and /")
    return text
