"""Explain: how much each feature counts in the model's predictions of some test rows.

`calculated/` has the analysis of these rows, `baseline/` that which a monitor compares with.
"""

import os
from typing import Any

from slipway.analysis import analysis_violations
from slipway.tabular import baselines, evaluating, explaining, job
from slipway.tabular.baselines import Client, Lifecycle
from slipway.tabular.checking import Folders, leave, raw_rows


def main(
    folders: Folders, config: dict[str, Any], lifecycle: Lifecycle, client: Client = baselines.client
) -> dict[str, Any]:
    """Write the analysis; returns it. Raises JobError where features count otherwise than in the earlier baseline."""
    earlier = lifecycle.earlier("Explainability", {"Constraints": "analysis"}, client)
    model = evaluating.candidate(folders.model).model
    asked, rows = config["explainability"], model.parse(raw_rows(folders.rows / "explained.csv"), "text/csv")
    explainer = explaining.of_rows(model, rows, asked["rows"], asked["num_samples"])
    found = explaining.analysis(model, explainer, explainer.contributions(rows), asked["agg_method"])
    for document in earlier.values():
        explaining.check_same_method(found, document)
    compared = {} if lifecycle.skip_check else earlier
    violations = [*analysis_violations.of_attributions(found, compared["analysis"])] if compared else []
    leave(folders, {"analysis": found}, earlier, lifecycle, violations)
    return found


def run() -> None:
    """Run the job."""
    folders, config = Folders.below(job.ml_path("processing")), job.config_beside(__file__)
    main(folders, config, Lifecycle.from_environment(os.environ))


if __name__ == "__main__":
    job.run(run)
