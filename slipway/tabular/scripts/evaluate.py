"""Evaluate: the new model and the champion on the same test rows. Writes evaluation.json, golden.json and pictures."""

from typing import Any

from slipway.tabular import evaluating, job, scoring
from slipway.tabular.columns import Columns
from slipway.tabular.evaluating import Folders
from slipway.tabular.problems import PROBLEMS


def main(folders: Folders, config: dict[str, Any]) -> dict[str, Any]:
    """Evaluate; returns the report as evaluation.json has it."""
    columns, problem = Columns.from_config(config["data"]), PROBLEMS[config["problem"]](config)
    trained = evaluating.candidate(folders.model)
    model = trained.model
    scored = scoring.score(model, folders.test, columns.label, config["slices"])
    report = {
        problem.section: problem.report(model, scored),
        "champion": evaluating.against_champion(
            config["champion_metric"], trained, scored, problem.judge, folders, columns
        ),
        **problem.more(model),
        "slices": evaluating.by_slice(scored, lambda labels, scores: problem.figures(model, labels, scores)),
        "feature_importance_of": "the loss" if model.own else "the gain",
        "feature_importance": scoring.importance(model, folders.test, columns.label),
        **evaluating.rows(scored, trained),
        **evaluating.limits(folders, config["monitoring"]["hour_rows"]),
    }
    evaluating.quality_limits(folders, scored, config["monitoring"]["hour_rows"], model.target)
    evaluating.write(folders, model, report)
    problem.draw(folders.output, report, scored)
    print(f"{problem.summary(report)}, {evaluating.summary(report['champion'])}")
    return report


if __name__ == "__main__":
    job.run(lambda: main(Folders.below(job.ml_path("processing")), job.config_beside(__file__)))
