"""What the jobs that check a model have in common: their folders, the rows they read, the documents they leave."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.analysis import documents
from slipway.tabular.baselines import Lifecycle
from slipway.tabular.job import JobError

MOST = 10  # violations that are named


@dataclass(frozen=True)
class Folders:
    """Where such a job reads and writes."""

    model: Path
    rows: Path
    calculated: Path
    baseline: Path

    @classmethod
    def below(cls, processing: Path) -> "Folders":
        """The container's folders: `input/model`, `input/checked`, `output/calculated`, `output/baseline`."""
        inputs, output = processing / "input", processing / "output"
        return cls(inputs / "model", inputs / "checked", output / "calculated", output / "baseline")


def raw_rows(path: Path) -> str:
    """The rows of a file that Prepare wrote for the checks as a CSV request: without their label, which is last."""
    text = io.StringIO()
    with path.open(newline="") as file:
        csv.writer(text, lineterminator="\n").writerows(row[:-1] for row in csv.reader(file))
    return text.getvalue()


def leave(
    folders: Folders,
    found: Mapping[str, Any],
    earlier: Mapping[str, Any],
    lifecycle: Lifecycle,
    violations: Sequence[Mapping[str, str]],
) -> None:
    """Write what was found and what monitors compare with. Raises JobError when there are violations."""
    for name, document in found.items():
        documents.write_json(folders.calculated / f"{name}.json", document)
    for name, document in (found if lifecycle.register_new else earlier).items():
        documents.write_json(folders.baseline / f"{name}.json", document)
    if not violations:
        return
    written = {"version": "1.0", "violations": list(violations)}
    documents.write_json(folders.calculated / "constraint_violations.json", written)
    lines = [f"{len(violations)} violations of the baseline of the version in production:"]
    lines += [f"{_subject(violation)}: {violation['description']}" for violation in violations[:MOST]]
    lines += [f"and {len(violations) - MOST} more"] if len(violations) > MOST else []
    raise JobError("\n".join(lines))


def _subject(violation: Mapping[str, str]) -> str:
    if "facet" in violation:
        return f"{violation['metric_name']} of {violation['facet']} = {violation['facet_value']}"
    return f"attributions of {violation['label']}"
