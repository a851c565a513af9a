"""Evaluate: the new model and the champion on the same test rows. Writes evaluation.json, golden.json and pictures."""

from functools import partial
from typing import Any

from slipway.tabular import charts, classification, evaluating, job, scoring
from slipway.tabular.columns import Columns
from slipway.tabular.decision import MIDDLE
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
    threshold = decided(model)
    metrics = classification.report(scored.labels, scored.scores, threshold)
    metric = config["champion_metric"]
    report = {
        "binary_classification_metrics": metrics,
        "champion": evaluating.against_champion(metric, trained, scored, judged, folders, columns),
        "decision": {**config.get("decision", {}), "threshold": threshold},
        "slices": evaluating.by_slice(scored, partial(classification.figures, threshold=threshold)),
        "feature_importance": scoring.importance(model),
        **evaluating.rows(scored, trained),
        **evaluating.limits(folders, config["monitoring"]["hour_rows"]),
    }
    evaluating.write(folders, model, report)
    draw(folders, report, classification.calibration(scored.labels, scored.scores), float(scored.labels.mean()))
    print(
        f"auc {metrics['auc']['value']:.4f}, f1 {metrics['f1']['value']:.4f}, {evaluating.summary(report['champion'])}"
    )
    return report


def decided(model: Model) -> float:
    """From which probability on the model's answer is positive: what Train chose on the validation rows."""
    return MIDDLE if model.threshold is None else model.threshold


def judged(model: Model, scored: Scored, metric: str) -> Judge:
    """A metric of a model's answers, decided at its own threshold."""
    return classification.judge(metric, scored.labels, scored.scores, decided(model))


def draw(folders: Folders, report: dict[str, Any], bins: dict[str, list[float]], share: float) -> None:
    """The pictures that a reviewer looks at."""
    metrics, output = report["binary_classification_metrics"], folders.output
    charts.roc(output / "roc.png", metrics["receiver_operating_characteristic_curve"], metrics["auc"])
    charts.precision_recall(output / "precision_recall.png", metrics["precision_recall_curve"], share)
    charts.calibration(output / "calibration.png", bins)
    charts.confusion(output / "confusion_matrix.png", metrics["confusion_matrix"], ("stays", "leaves"))
    charts.importance(output / "feature_importance.png", report["feature_importance"])


if __name__ == "__main__":
    job.run(lambda: main(Folders.below(job.ml_path("processing")), job.config_beside(__file__)))
