"""Pictures of an evaluation: one PNG each, readable at a glance. Numbers in, files out."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
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
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=size, dpi=110, layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(title)
        yield axes
        FigureCanvasAgg(figure).print_png(path)  # savefig draws all of it twice


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


def confusion(
    path: Path, matrix: Mapping[str, Mapping[str, int]], keys: Sequence[str], names: Sequence[str], most: int = 30
) -> None:
    """Rows by truth and prediction, each class by its key and shown by its name; colour is the share of the true class.

    Of more than `most` classes the commonest are drawn, and the title says so.
    """
    counts = np.array([[matrix[truth][said] for said in keys] for truth in keys])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    title = "Confusion matrix"
    if len(keys) > most:
        drawn = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[:most])
        counts, shares, names = counts[np.ix_(drawn, drawn)], shares[np.ix_(drawn, drawn)], [names[n] for n in drawn]
        title = f"Confusion matrix: {most} commonest of {len(keys)} classes"
    size = len(names)
    side = 3.0 + 0.6 * size if size > 2 else 4.4
    with _picture(path, title, (side + 0.2, side - 0.2)) as axes:
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (truth, predicted), count in np.ndenumerate(counts):
            share = shares[truth, predicted]
            colour = "white" if share > 0.55 else INK
            said = f"{count:,}\n{share:.1%}" if size <= 6 else f"{count:,}" if count else ""
            points = 13 if size <= 3 else 10 if size <= 6 else 8
            axes.text(predicted, truth, said, ha="center", va="center", color=colour, fontsize=points)
        axes.set(xlabel="predicted", ylabel="true", xticks=range(size), yticks=range(size))
        shown = [*map(_short, names)]
        upright = size <= 3 and max(map(len, shown)) <= 12
        axes.set_xticklabels(shown, rotation=0 if upright else 45, ha="center" if upright else "right")
        axes.set_yticklabels(shown, rotation=90 if upright else 0, va="center")
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)


def by_class(path: Path, figures: Mapping[str, Mapping[str, Any]], most: int = 30) -> None:
    """Precision and recall of each class with their 95 % intervals, the class that is recalled worst at the top."""
    worst = sorted(figures, key=lambda name: float(figures[name]["recall"]["value"]))[:most][::-1]
    title = "Precision and recall of each class"
    if len(figures) > most:
        title = f"The {most} classes of {len(figures)} that are recalled worst"
    with _picture(path, title, (6.4, 1.6 + 0.42 * len(worst))) as axes:
        for offset, name, colour in ((0.17, "recall", LINE), (-0.17, "precision", ACCENT)):
            found = [figures[each][name] for each in worst]
            places, values = np.arange(len(worst)) + offset, np.array([each["value"] for each in found])
            sides = [values - [each["low"] for each in found], np.array([each["high"] for each in found]) - values]
            spread = np.clip(np.nan_to_num(sides), 0, None)
            axes.errorbar(values, places, xerr=spread, fmt="o", color=colour, label=name, capsize=3, linewidth=1.4)
        shown = [f"{_short(name)} ({figures[name]['rows']:,})" for name in worst]
        axes.set_yticks(range(len(worst)), shown)
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.6, len(worst) - 0.4))
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)
        axes.grid(visible=False, axis="y")


def _short(name: str) -> str:
    return name if len(name) <= 24 else f"{name[:23]}\u2026"


def importance(path: Path, shares: Mapping[str, float], of: str = "the gain", most: int = 15) -> None:
    """The features that count most; `of` says what the shares are shares of."""
    top = list(shares.items())[:most][::-1]
    with _picture(path, f"Feature importance (share of {of})", (5.6, 1.4 + 0.27 * len(top))) as axes:
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
