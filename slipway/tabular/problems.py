"""What a model is for, a yes or no, a class or a number: the figures, pictures and comparison that belong to it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from slipway.tabular import charts, classification, multiclass, regression
from slipway.tabular.decision import MIDDLE
from slipway.tabular.kinds import BINARY, MULTICLASS, REGRESSION, SECTIONS
from slipway.tabular.resampling import Judge
from slipway.tabular.scoring import Scored
from slipway.tabular.serving import Model

Config = Mapping[str, Any]


class Problem(Protocol):
    """What Evaluate asks of a kind of problem."""

    section: str

    def report(self, model: Model, scored: Scored) -> dict[str, Any]:
        """The section of evaluation.json."""

    def judge(self, model: Model, scored: Scored, metric: str) -> Judge:
        """A metric of a model's answers."""

    def figures(self, model: Model, labels: NDArray[Any], scores: NDArray[Any]) -> dict[str, float]:
        """The plain figures of some rows."""

    def more(self, model: Model) -> dict[str, Any]:
        """Further sections of evaluation.json."""

    def draw(self, folder: Path, report: Mapping[str, Any], scored: Scored) -> None:
        """The pictures that a reviewer looks at."""

    def summary(self, report: Mapping[str, Any]) -> str:
        """The figures that the log shows."""


class Binary:
    """Yes or no: the model says how probable yes is, and decides at the threshold that Train chose."""

    section = SECTIONS[BINARY]

    def __init__(self, config: Config) -> None:
        label = config["data"]["label"]
        self._names = (label["negative"][0], label["positive"][0])
        self._rule = dict(config.get("decision", {}))

    def report(self, model: Model, scored: Scored) -> dict[str, Any]:
        """SageMaker's ModelQuality figures, at the model's threshold."""
        return classification.report(scored.labels, scored.scores, threshold(model))

    def judge(self, model: Model, scored: Scored, metric: str) -> Judge:
        """A metric of a model's answers, decided at its own threshold."""
        return classification.judge(metric, scored.labels, scored.scores, threshold(model))

    def figures(self, model: Model, labels: NDArray[Any], scores: NDArray[Any]) -> dict[str, float]:
        """The plain figures, decided at the model's threshold."""
        return classification.figures(labels, scores, threshold(model))

    def more(self, model: Model) -> dict[str, Any]:
        """How it is decided."""
        return {"decision": {**self._rule, "threshold": threshold(model)}}

    def draw(self, folder: Path, report: Mapping[str, Any], scored: Scored) -> None:
        """Curves, calibration, the confusion matrix, what counts."""
        metrics = report[self.section]
        charts.roc(folder / "roc.png", metrics["receiver_operating_characteristic_curve"], metrics["auc"])
        share = float(scored.labels.mean())
        charts.precision_recall(folder / "precision_recall.png", metrics["precision_recall_curve"], share)
        charts.calibration(folder / "calibration.png", classification.calibration(scored.labels, scored.scores))
        charts.confusion(folder / "confusion_matrix.png", metrics["confusion_matrix"], ("0", "1"), self._names)
        _draw_importance(folder, report)

    def summary(self, report: Mapping[str, Any]) -> str:
        """AUC and F1."""
        metrics = report[self.section]
        return f"auc {metrics['auc']['value']:.4f}, f1 {metrics['f1']['value']:.4f}"


class Multiclass:
    """One of several classes: the model says how probable each is, and the most probable one is its answer."""

    section = SECTIONS[MULTICLASS]

    def __init__(self, _: Config) -> None:
        pass

    def report(self, model: Model, scored: Scored) -> dict[str, Any]:
        """SageMaker's ModelQuality figures, macro averages, and the figures of each class."""
        return multiclass.report(scored.labels, scored.scores, model.target.classes)

    def judge(self, _: Model, scored: Scored, metric: str) -> Judge:
        """A metric of a model's answers."""
        return multiclass.judge(metric, scored.labels, scored.scores)

    def figures(self, _: Model, labels: NDArray[Any], scores: NDArray[Any]) -> dict[str, float]:
        """The plain figures."""
        return multiclass.figures(labels, scores)

    def more(self, _: Model) -> dict[str, Any]:
        """Nothing: the most probable class is the answer."""
        return {}

    def draw(self, folder: Path, report: Mapping[str, Any], _: Scored) -> None:
        """The confusion matrix, precision and recall of each class, what counts."""
        metrics = report[self.section]
        names = tuple(metrics["confusion_matrix"])
        charts.confusion(folder / "confusion_matrix.png", metrics["confusion_matrix"], names, names)
        charts.by_class(folder / "classes.png", metrics["per_class"])
        _draw_importance(folder, report)

    def summary(self, report: Mapping[str, Any]) -> str:
        """Macro-F1, accuracy and log loss."""
        metrics = report[self.section]
        shown = (("macro F1", "macro_f1"), ("accuracy", "accuracy"), ("log loss", "log_loss"))
        return ", ".join(f"{said} {metrics[name]['value']:.4f}" for said, name in shown)


class Regression:
    """A number."""

    section = SECTIONS[REGRESSION]

    def __init__(self, _: Config) -> None:
        pass

    def report(self, _: Model, scored: Scored) -> dict[str, Any]:
        """SageMaker's ModelQuality figures."""
        return regression.report(scored.labels, scored.scores)

    def judge(self, _: Model, scored: Scored, metric: str) -> Judge:
        """A metric of a model's answers."""
        return regression.judge(metric, scored.labels, scored.scores)

    def figures(self, _: Model, labels: NDArray[Any], scores: NDArray[Any]) -> dict[str, float]:
        """The plain figures."""
        return regression.figures(labels, scores)

    def more(self, _: Model) -> dict[str, Any]:
        """Nothing: a number is not decided."""
        return {}

    def draw(self, folder: Path, report: Mapping[str, Any], scored: Scored) -> None:
        """Predicted beside actual, what is left over, what counts."""
        rmse = report[self.section]["rmse"]
        charts.predicted_actual(folder / "predicted_actual.png", scored.labels, scored.scores, rmse)
        charts.residuals(folder / "residuals.png", scored.labels, scored.scores)
        _draw_importance(folder, report)

    def summary(self, report: Mapping[str, Any]) -> str:
        """RMSE and R2."""
        metrics = report[self.section]
        return f"rmse {metrics['rmse']['value']:.4f}, r2 {metrics['r2']['value']:.4f}"


PROBLEMS: dict[str, Callable[[Config], Problem]] = {BINARY: Binary, MULTICLASS: Multiclass, REGRESSION: Regression}


def _draw_importance(folder: Path, report: Mapping[str, Any]) -> None:
    shares, of = report["feature_importance"], report["feature_importance_of"]
    charts.importance(folder / "feature_importance.png", shares, of)


def threshold(model: Model) -> float:
    """From which probability on the model's answer is positive: what Train chose on the validation rows."""
    return MIDDLE if model.threshold is None else model.threshold
