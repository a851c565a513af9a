"""Evaluate: the new model and the champion on the same test rows. Writes evaluation.json, golden.json and pictures."""

from typing import Any

from slipway.tabular import charts, evaluating, job, regression, scoring
from slipway.tabular.columns import Columns
from slipway.tabular.evaluating import Folders
from slipway.tabular.resampling import Judge
from slipway.tabular.scoring import Scored
from slipway.tabular.serving import Model


def main(folders: Folders, config: dict[str, Any]) -> dict[str, Any]:
    """Evaluate; returns the report as evaluation.json has it."""
    columns = Columns.from_config(config["data"])
    trained = evaluating.candidate(folders.model)
    model = trained.model
    scored = scoring.score(model, folders.test, columns.label, config["slices"])
    metrics = regression.report(scored.labels, scored.scores)
    metric = config["champion_metric"]
    shares = scoring.importance(model)
    report: dict[str, Any] = {
        "regression_metrics": metrics,
        "champion": evaluating.against_champion(metric, trained, scored, judged, folders, columns),
        "slices": evaluating.by_slice(scored, regression.figures),
        "feature_importance": shares,
        **evaluating.rows(scored, trained),
        **evaluating.limits(folders, config["monitoring"]["hour_rows"]),
    }
    evaluating.write(folders, model, report)
    charts.predicted_actual(folders.output / "predicted_actual.png", scored.labels, scored.scores, metrics["rmse"])
    charts.residuals(folders.output / "residuals.png", scored.labels, scored.scores)
    charts.importance(folders.output / "feature_importance.png", shares)
    print(f"rmse {metrics['rmse']['value']:.4f}, r2 {metrics['r2']['value']:.4f}")
    print(evaluating.summary(report["champion"]))
    return report


def judged(_: Model, scored: Scored, metric: str) -> Judge:
    """A metric of a model's answers."""
    return regression.judge(metric, scored.labels, scored.scores)


if __name__ == "__main__":
    job.run(lambda: main(Folders.below(job.ml_path("processing")), job.config_beside(__file__)))
