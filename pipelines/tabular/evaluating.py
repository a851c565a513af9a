"""What every Evaluate job does around its metrics: inputs, champion, slices, golden answers, the report."""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.tabular import champion, scoring
from pipelines.tabular.columns import Columns
from pipelines.tabular.job import JobError
from pipelines.tabular.scoring import Scored
from pipelines.tabular.serving import Model

MOST_SLICES = 30
SMALLEST_SLICE = 20  # fewer rows say nothing

Figures = Callable[[NDArray[Any], NDArray[Any]], dict[str, float]]


@dataclass(frozen=True)
class Folders:
    """Where an Evaluate job reads and writes."""

    model: Path
    test: Path
    golden: Path
    output: Path

    @classmethod
    def below(cls, processing: Path) -> "Folders":
        """The container's folders: `input/model`, `input/test`, `input/golden`, `output/evaluation`."""
        inputs = processing / "input"
        return cls(inputs / "model", inputs / "test", inputs / "golden", processing / "output" / "evaluation")


def candidate(folder: Path) -> Model:
    """The model that Train has made."""
    archive = folder / "model.tar.gz"
    if not archive.exists():
        raise JobError(f"{archive} is missing: the Train step's model is the input of this job")
    with tempfile.TemporaryDirectory() as unpacked:
        return scoring.unpack(archive, Path(unpacked))


def against_champion(
    metric: str, value: float, figures: Figures, folders: Folders, columns: Columns, *, higher_is_better: bool
) -> dict[str, Any]:
    """Score the champion on the same test rows and compare one metric."""
    arn, model = champion.load(*champion.wanted())
    scored = scoring.score(model, folders.test, columns.label) if model else None
    theirs = figures(scored.labels, scored.scores)[metric] if scored else None
    return champion.comparison(metric, value, theirs, arn, higher_is_better=higher_is_better)


def by_slice(scored: Scored, figures: Figures) -> dict[str, Any]:
    """The figures of the rows with each value of each slice column."""
    return {name: _one_column(values, scored, figures) for name, values in scored.slices.items()}


def _one_column(values: NDArray[Any], scored: Scored, figures: Figures) -> dict[str, Any]:
    found: dict[str, Any] = {}
    texts, places, counts = np.unique(values.astype(str), return_inverse=True, return_counts=True)
    for place in np.argsort(-counts, kind="stable")[:MOST_SLICES]:
        rows = places == place
        if counts[place] >= SMALLEST_SLICE:
            plain = figures(scored.labels[rows], scored.scores[rows])
            finite = {name: value for name, value in plain.items() if np.isfinite(value)}
            found[str(texts[place])] = {"rows": int(counts[place]), **finite}
    return found


def write(folders: Folders, model: Model, report: Mapping[str, Any]) -> None:
    """Write evaluation.json, and golden.json: the golden requests with the answers that this model gives."""
    folders.output.mkdir(parents=True, exist_ok=True)
    (folders.output / "evaluation.json").write_text(json.dumps(report, indent=1, allow_nan=False))
    golden = json.loads((folders.golden / "golden.json").read_text())
    answers = model.predict(model.parse(json.dumps([row["instance"] for row in golden["rows"]]), "application/json"))
    for row, value in zip(golden["rows"], answers.tolist(), strict=True):
        row["prediction"] = round(value, 7)
    (folders.output / "golden.json").write_text(json.dumps(golden, indent=1))
