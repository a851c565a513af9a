"""Pictures of an evaluation: one PNG each, readable at a glance. Numbers in, files out."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

INK, LINE, ACCENT, SOFT = "#22303c", "#2f6f9f", "#d9822b", "#c9d6e0"
STYLE = {
    "font.size": 10,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8696a3",
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.grid": True,
    "grid.color": "#e8edf1",
    "axes.axisbelow": True,
    "legend.frameon": False,
}
POINTS = 5_000  # more points in a scatter plot only take time


@contextmanager
def _picture(path: Path, title: str, size: tuple[float, float] = (5.2, 4.4)) -> Iterator[Any]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=size, layout="constrained")
        axes.set_title(title)
        yield axes
        figure.savefig(path, dpi=110)
        plt.close(figure)


def roc(path: Path, curve: Mapping[str, list[float]], auc: Mapping[str, float]) -> None:
    """The ROC curve, its area with the 95 % interval in the title."""
    with _picture(path, f"ROC: area {auc['value']:.3f} ({auc['low']:.3f} to {auc['high']:.3f})") as axes:
        x, y = curve["false_positive_rates"], curve["true_positive_rates"]
        axes.plot([0, 1], [0, 1], color=SOFT, linestyle="--", label="guessing")
        axes.fill_between(x, y, color=LINE, alpha=0.12)
        axes.plot(x, y, color=LINE, linewidth=2.2, label="model")
        _unit_square(axes, "false positive rate", "true positive rate")
        axes.legend(loc="lower right")


def precision_recall(path: Path, curve: Mapping[str, list[float]], share: float) -> None:
    """Precision over recall; `share` is the share of positive rows, what guessing would reach."""
    with _picture(path, "Precision and recall") as axes:
        axes.axhline(share, color=SOFT, linestyle="--", label=f"guessing ({share:.2f})")
        axes.plot(curve["recalls"], curve["precisions"], color=LINE, linewidth=2.2, label="model")
        _unit_square(axes, "recall", "precision")
        axes.legend(loc="lower left")


def calibration(path: Path, bins: Mapping[str, list[float]]) -> None:
    """Is a score of 0.8 right in 80 of 100 cases? The area of a point is its number of rows."""
    with _picture(path, "Calibration: predicted and observed") as axes:
        rows = np.asarray(bins["rows"])
        axes.plot([0, 1], [0, 1], color=SOFT, linestyle="--", label="perfect")
        axes.plot(bins["mean_score"], bins["positive_share"], color=LINE, linewidth=1.6)
        size = 20 + 220 * rows / rows.max()
        axes.scatter(bins["mean_score"], bins["positive_share"], s=size, color=LINE, alpha=0.85, label="model")
        _unit_square(axes, "mean score", "share of positives")
        axes.legend(loc="upper left", markerscale=0.5)


def confusion(path: Path, matrix: Mapping[str, Mapping[str, int]], names: tuple[str, str]) -> None:
    """Rows by truth and prediction; colour is the share of the true class."""
    counts = np.array([[matrix[t][p] for p in ("0", "1")] for t in ("0", "1")])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    with _picture(path, "Confusion matrix", (4.6, 4.2)) as axes:
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (truth, predicted), count in np.ndenumerate(counts):
            share = shares[truth, predicted]
            colour = "white" if share > 0.55 else INK
            axes.text(predicted, truth, f"{count:,}\n{share:.1%}", ha="center", va="center", color=colour, fontsize=13)
        axes.set(xlabel="predicted", ylabel="true", xticks=[0, 1], yticks=[0, 1])
        axes.set_xticklabels(names)
        axes.set_yticklabels(names, rotation=90, va="center")
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)


def importance(path: Path, shares: Mapping[str, float], most: int = 15) -> None:
    """The features that the trees gain most from."""
    top = list(shares.items())[:most][::-1]
    with _picture(path, "Feature importance (share of the gain)", (5.6, 1.4 + 0.27 * len(top))) as axes:
        bars = axes.barh([name for name, _ in top], [share for _, share in top], color=LINE, height=0.68)
        axes.bar_label(bars, labels=[f"{share:.1%}" for _, share in top], padding=4, fontsize=9)
        axes.margins(x=0.14)
        axes.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1))
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)


def predicted_actual(path: Path, labels: NDArray[Any], predictions: NDArray[Any], rmse: Mapping[str, float]) -> None:
    """Each test row; on the line the prediction is right."""
    title = f"Predicted and actual: RMSE {rmse['value']:.2f} ({rmse['low']:.2f} to {rmse['high']:.2f})"
    with _picture(path, title) as axes:
        x, y = labels[:POINTS], predictions[:POINTS]
        low, high = float(min(x.min(), y.min())), float(max(x.max(), y.max()))
        axes.scatter(x, y, s=14, color=LINE, alpha=0.35, linewidths=0)
        axes.plot([low, high], [low, high], color=ACCENT, linewidth=1.6, label="exact")
        axes.set(xlabel="actual", ylabel="predicted")
        axes.legend(loc="upper left")


def residuals(path: Path, labels: NDArray[Any], predictions: NDArray[Any]) -> None:
    """How far off, by size of the prediction: a slope or a funnel is something the model has not learned."""
    error = predictions - labels
    with _picture(
        path, f"Residuals: mean {float(error.mean()):+.2f}, half within ±{float(np.median(np.abs(error))):.2f}"
    ) as axes:
        axes.scatter(predictions[:POINTS], error[:POINTS], s=14, color=LINE, alpha=0.35, linewidths=0)
        axes.axhline(0, color=ACCENT, linewidth=1.6)
        axes.set(xlabel="predicted", ylabel="predicted less actual")


def _unit_square(axes: Any, x: str, y: str) -> None:
    axes.set(xlabel=x, ylabel=y, xlim=(-0.01, 1.01), ylim=(-0.01, 1.02), aspect="equal")
