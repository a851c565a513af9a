"""What every Evaluate job does around its metrics: inputs, champion, slices, golden answers, the report."""

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from slipway.analysis import quality_baseline
from slipway.tabular import allowances, champion, scoring
from slipway.tabular.columns import Columns
from slipway.tabular.job import JobError
from slipway.tabular.kinds import LOWER_IS_BETTER
from slipway.tabular.resampling import Judge
from slipway.tabular.scoring import Scored, Trained
from slipway.tabular.serving import Model
from slipway.tabular.target import Target

MOST_SLICES = 30
SMALLEST_SLICE = 20  # fewer rows say nothing

Figures = Callable[[NDArray[Any], NDArray[Any]], dict[str, float]]
Judging = Callable[[Model, Scored, str], Judge]  # of one metric of a model's answers


@dataclass(frozen=True)
class Folders:
    """Where an Evaluate job reads and writes."""

    model: Path
    test: Path
    golden: Path
    output: Path
    baseline: Path | None = None  # statistics.json and constraints.json, in folders of these names

    @classmethod
    def below(cls, processing: Path) -> "Folders":
        """The container's folders: `input/model`, `input/test`, `input/golden`, `input/...`, `output/evaluation`."""
        inputs = processing / "input"
        output = processing / "output" / "evaluation"
        return cls(inputs / "model", inputs / "test", inputs / "golden", output, inputs)


def candidate(folder: Path) -> Trained:
    """What Train has made."""
    archive = folder / "model.tar.gz"
    if not archive.exists():
        raise JobError(f"{archive} is missing: the Train step's model is the input of this job")
    with tempfile.TemporaryDirectory() as unpacked:
        return scoring.unpack(archive, Path(unpacked))


def against_champion(
    metric: str, trained: Trained, scored: Scored, judge: Judging, folders: Folders, columns: Columns
) -> dict[str, Any]:
    """Let the champion answer the test rows, and compare one metric."""
    arn, other = champion.load(*champion.champion_settings())
    if other is None:
        return champion.skip_comparison(metric, "no champion: nothing to compare with")
    classification = columns.is_classification
    if reason := champion.other_answers(trained.model.target, other.model.target) or champion.obstacle(
        trained.dealt, other.dealt, scored.labels, classification=classification
    ):
        return champion.skip_comparison(metric, reason, arn)
    theirs = scoring.score(other.model, folders.test, columns.label)
    if columns.classes:
        places = [other.model.target.classes.index(name) for name in trained.model.target.classes]
        theirs = replace(theirs, scores=theirs.scores[:, places])
    return champion.comparison(
        metric,
        judge(trained.model, scored, metric),
        judge(other.model, theirs, metric),
        len(scored.labels),
        arn,
        higher_is_better=metric not in LOWER_IS_BETTER,
    )


def summary(section: Mapping[str, Any]) -> str:
    """The `champion` section in a line, for the log."""
    if not section["compared"]:
        return f"not compared with a champion: {section['reason']}"
    worse = section["worse_by"]
    return (
        f"{section['metric']} {section['candidate_value']:.4f}, the champion's {section['value']:.4f} on the same "
        f"{section['rows']:,} rows: worse by {worse['value']:.4f} ({worse['low']:.4f} to {worse['high']:.4f})"
    )


def rows(scored: Scored, trained: Trained) -> dict[str, Any]:
    """The members of evaluation.json that say which rows there were."""
    dealt = trained.dealt
    return {"rows": len(scored.labels), **({"split": dealt.document} if dealt else {})}


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


def limits(folders: Folders, hour_rows: int) -> dict[str, Any]:
    """Write the baseline's constraints with room for chance; the member of evaluation.json that says how much."""
    if folders.baseline is None:
        return {}
    statistics, constraints = (
        json.loads((folders.baseline / name / f"{name}.json").read_text()) for name in ("statistics", "constraints")
    )
    document, allowed = allowances.widen(statistics, constraints, hour_rows)
    folders.output.mkdir(parents=True, exist_ok=True)
    (folders.output / "constraints.json").write_text(json.dumps(document, indent=1))
    return {"monitoring": allowed}


def quality_limits(folders: Folders, scored: Scored, hour_rows: int, target: Target) -> None:
    """Write what the monitor of model quality compares with."""
    statistics, constraints = _quality_baseline(scored, hour_rows, target)
    folders.output.mkdir(parents=True, exist_ok=True)
    for name, document in (("statistics", statistics), ("constraints", constraints)):
        (folders.output / f"model_quality_{name}.json").write_text(json.dumps(document, indent=1, allow_nan=False))


def _quality_baseline(scored: Scored, hour_rows: int, target: Target) -> tuple[dict[str, Any], dict[str, Any]]:
    if target.is_of_classes:
        places, probabilities = scored.labels.astype(np.int64), np.asarray(scored.scores, dtype=np.float64)
        return quality_baseline.of_multiclass(target.classes, places, probabilities, hour_rows)
    labels, scores = (np.asarray(values, dtype=np.float64) for values in (scored.labels, scored.scores))
    if target.threshold is None:
        return quality_baseline.of_regression(labels, scores, hour_rows)
    return quality_baseline.of_binary(labels, scores, target.threshold, hour_rows)


def write(folders: Folders, model: Model, report: Mapping[str, Any]) -> None:
    """Write evaluation.json, and golden.json: the golden requests with the answers that this model gives."""
    folders.output.mkdir(parents=True, exist_ok=True)
    (folders.output / "evaluation.json").write_text(json.dumps(report, indent=1, allow_nan=False))
    golden = json.loads((folders.golden / "golden.json").read_text())
    if model.threshold is not None:
        golden["threshold"] = model.threshold
    answers = model.predict(model.parse(json.dumps([row["instance"] for row in golden["rows"]]), "application/json"))
    if model.target.is_of_classes:
        golden["classes"] = model.target.classes
    for row, value in zip(golden["rows"], answers.tolist(), strict=True):
        row["prediction"] = [round(chance, 7) for chance in value] if isinstance(value, list) else round(value, 7)
    (folders.output / "golden.json").write_text(json.dumps(golden, indent=1))
