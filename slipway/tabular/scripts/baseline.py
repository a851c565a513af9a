"""Baseline: statistics and constraints of the training features, as the endpoint will see them.

`calculated/` has those of these rows, `baseline/` those that a monitor compares with.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from slipway.analysis import data_quality, documents
from slipway.analysis.data_quality import Baseline
from slipway.analysis.errors import BadInput
from slipway.analysis.source import Source
from slipway.tabular import baselines, job
from slipway.tabular.baselines import Client, Lifecycle
from slipway.tabular.job import JobError

NAMES = {"Statistics": "statistics", "Constraints": "constraints"}


@dataclass(frozen=True)
class Folders:
    """Where the job reads and writes."""

    rows: Path
    calculated: Path
    baseline: Path

    @classmethod
    def below(cls, processing: Path) -> "Folders":
        """The container's folders: `input/baseline`, `output/calculated`, `output/baseline`."""
        output = processing / "output"
        return cls(processing / "input" / "baseline", output / "calculated", output / "baseline")


def main(folders: Folders, lifecycle: Lifecycle, client: Client = baselines.client) -> int:
    """Write the documents; returns the number of violations of the earlier baseline, which fail nothing."""
    earlier = lifecycle.earlier("ModelDataQuality", NAMES, client)
    compared = Baseline(**earlier) if earlier and not lifecycle.skip_check else None
    try:
        found = data_quality.analyze(Source(folders.rows, "csv", {"header": True}), compared)
    except BadInput as error:
        raise JobError(str(error)) from None
    calculated = {"statistics": found.statistics, "constraints": found.constraints}
    for name, document in calculated.items():
        documents.write_json(folders.calculated / f"{name}.json", document)
    for name, document in (calculated if lifecycle.register_new else earlier).items():
        documents.write_json(folders.baseline / f"{name}.json", document)
    if found.violations:
        documents.write_json(folders.calculated / "constraint_violations.json", {"violations": found.violations})
    compares = f", {len(found.violations)} violations of the earlier baseline" if compared else ""
    print(f"baseline of {found.data.rows:,} rows, {len(found.data.columns)} columns{compares}")
    return len(found.violations)


if __name__ == "__main__":
    job.run(
        lambda: main(Folders.below(job.ml_path("processing")), Lifecycle.from_environment(os.environ)),
    )
