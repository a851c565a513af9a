"""The folders of a Clarify job, and what a monitor tells it by environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from loopback.images.model_monitor.settings import local_path

CONFIG, DATA, OUTPUT = (f"/opt/ml/processing/{name}" for name in ("input/config", "input/data", "output"))
MONITORS = ("MODEL_BIAS", "MODEL_EXPLAINABILITY")


@dataclass(frozen=True)
class ClarifySettings:
    """Paths are where they really are. `monitor` is the analysis of a monitoring execution, "" for any other job."""

    base: Path
    config: Path
    source: Path
    output: Path
    monitor: str
    baseline: Path | None
    environ: Mapping[str, str]

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> ClarifySettings:
        """Read them."""
        base = Path(environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml")
        kind, baseline = environ.get("analysis_type", ""), environ.get("baseline_constraints")
        return cls(
            base=base,
            config=local_path(CONFIG, base),
            source=local_path(environ.get("dataset_source") or DATA, base),
            output=local_path(environ.get("output_path") or OUTPUT, base),
            monitor=kind if kind in MONITORS else "",
            baseline=local_path(baseline, base) if baseline else None,
            environ=environ,
        )

    @property
    def publishes_metrics(self) -> bool:
        """Whether CloudWatch is told."""
        return self.environ.get("publish_cloudwatch_metrics") == "Enabled"
