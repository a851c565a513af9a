"""Bias: how the training rows and the model's answers to test rows treat the groups that config.yml names.

`calculated/` has the analyses of these rows, `baseline/` those that a monitor compares with. The figures are Clarify's.
"""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from slipway.analysis import analysis_violations, bias
from slipway.analysis.errors import BadInput
from slipway.analysis.frames import Dataset
from slipway.tabular import baselines, evaluating, job
from slipway.tabular.baselines import Client, Lifecycle
from slipway.tabular.checking import Folders, leave, raw_rows
from slipway.tabular.job import JobError
from slipway.tabular.serving import Model

NAMES = {"PreTrainingConstraints": "data", "PostTrainingConstraints": "model"}
_POSITIVE = "label_value_or_threshold"


def main(
    folders: Folders, config: dict[str, Any], lifecycle: Lifecycle, client: Client = baselines.client
) -> dict[str, Any]:
    """Write the analyses; returns them. Raises JobError where a group is treated worse than in the earlier baseline.

    `config` is the analysis configuration that a monitor gets, too.
    """
    earlier = lifecycle.earlier("Bias", NAMES, client)
    model = evaluating.candidate(folders.model).model
    try:
        found = {
            "data": _analysis(config | _methods(bias.PRE), folders, "train", model),
            "model": _analysis(config | _methods(bias.POST), folders, "test", model),
        }
    except BadInput as error:
        raise JobError(str(error)) from None
    _check_positives(found, earlier)
    compared = {} if lifecycle.skip_check else earlier
    values = {facet["name_or_index"]: ",".join(map(str, facet["value_or_threshold"])) for facet in config["facet"]}
    violations = [
        violation
        for name, baseline in compared.items()
        for violation in analysis_violations.of_bias(found[name], baseline, values, _exact, confidence=0.0)
    ]
    leave(folders, found, earlier, lifecycle, violations)
    return found


def _check_positives(found: dict[str, Any], earlier: Mapping[str, Any]) -> None:
    """Raise JobError where the earlier baseline calls another answer positive: its figures are of something else."""
    for name, baseline in earlier.items():
        section = next(key for key in found[name] if key.endswith("_metrics"))
        now, before = (document.get(section, {}).get(_POSITIVE) for document in (found[name], baseline))
        if before not in (None, now):
            raise JobError(
                f"positive is {now}, and {before} in the baseline of the version in production, whose figures are of "
                "something else: pass SkipBiasCheck=true and RegisterNewBaseline=true once"
            )


def _methods(name: str) -> dict[str, Any]:
    return {"methods": {name: {"methods": "all"}}}


def _exact(_section: str, _facet: str, _place: int, _metric: str) -> float | None:
    """A check of a pipeline allows for no chance, a monitor does."""
    return None


def _analysis(config: dict[str, Any], folders: Folders, part: str, model: Model) -> dict[str, Any]:
    path, label, classes = folders.rows / f"{part}.csv", config["label"], model.target.classes
    frame = pd.read_csv(path, header=None, names=config["headers"], dtype=str, keep_default_na=False, na_values=[""])
    if classes:
        frame[label] = bias.categories([classes[int(place)] for place in frame[label]], classes)
    predicted = _answers(model, raw_rows(path)) if bias.POST in config["methods"] else None
    data = Dataset(frame, tuple(name for name in config["headers"] if name != label), label)
    questions = bias.questions(data, config, predicted)
    found: dict[str, Any] = {"version": "1.0", **bias.sections(questions)}
    for question in questions:
        reports = found[f"{question.stage}_metrics"]["facets"][question.name]
        for place, report in enumerate(reports):
            for metric in report["metrics"]:  # a monitor allows for what these rows do not know
                metric[analysis_violations.DEVIATION] = question.spread(metric["name"], place)
    return found


def _answers(model: Model, rows: str) -> pd.Series:
    """1 for each row that the model says yes to, else 0; of several classes the most probable one."""
    scores, classes = model.predict(model.parse(rows, "text/csv")), model.target.classes
    if classes:
        return bias.categories([classes[place] for place in scores.argmax(axis=1)], classes)
    return pd.Series(np.where(scores >= (model.threshold or 0.0), 1, 0), dtype=object)


def run() -> None:
    """Run the job."""
    folders, config = Folders.below(job.ml_path("processing")), job.config_beside(__file__)
    main(folders, config, Lifecycle.from_environment(os.environ))


if __name__ == "__main__":
    job.run(run)
