"""The parts of the page about single features and metrics."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from slipway.cli.drift_report import drawing
from slipway.cli.drift_report.distances import KOLMOGOROV
from slipway.cli.drift_report.distributions import Bar, Feature, bars, histogram
from slipway.cli.drift_report.drawing import escape
from slipway.cli.drift_report.report import Estimated, Metric, Pair, Row
from slipway.cli.drift_report.wording import figure, percent

VIOLATED = '<span class="words">violated</span>'
LEGEND = (
    '<p class="legend small soft">'
    '<span><svg viewBox="0 0 32 16" aria-hidden="true"><rect class="base" y="2" width="32" height="12"/></svg>'
    "baseline</span>"
    '<span><svg viewBox="0 0 32 16" aria-hidden="true"><path class="live" d="M0 12 H10 V4 H22 V9 H32"/></svg>'
    "live values; baseline → live in figures</span></p>"
    '<details class="small soft"><summary>How to read the figures</summary>'
    "<p>Outermost bins hold everything beyond them. The gap is the largest difference of the two cumulative "
    "distributions, or of one category's share. By chance alone, two samples of these sizes from one distribution "
    f"stay below the figure given in 99.9 % of cases (two-sample {KOLMOGOROV} for numbers; for categories a normal "
    "bound of the shares, Bonferroni-corrected). The distance is what the monitor compares with its threshold: "
    "the gap, with the method Robust less what chance explains.</p></details>"
)


def features(rows: Iterable[Row]) -> str:
    """A card each, in the order given."""
    return f'<div class="cards">{"".join(_card(row) for row in rows)}</div>'


def _card(row: Row) -> str:
    words = "".join(f'<p class="words small">{escape(finding.words)}</p>' for finding in row.findings)
    facts = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in _facts(row) if value)
    violated = " violated" if row.findings else ""
    return (
        f'<article class="card{violated}"><h3>{escape(row.name)} <span class="kind">{escape(row.type)}</span></h3>'
        f"{words}{picture(row)}<dl>{facts}</dl></article>"
    )


def picture(row: Row) -> str:
    """Both distributions; empty when neither side tells one."""
    title = f"{row.name}: baseline and live distribution"
    found = histogram(row.baseline, row.live)
    drawn = drawing.histogram(found, title) if found else ""
    before, after = (side.categories if side else None for side in (row.baseline, row.live))
    if before or after:  # where numbers came as text both kinds are there
        drawn += drawing.categories(bars(before, after, row.domain), title)
    return drawn or '<p class="soft small">No distribution: too many different values, or none at all.</p>'


def _facts(row: Row) -> Iterable[tuple[str, str]]:
    found = row.distance
    if found is not None:
        sign = ">" if found.distance > found.threshold else "≤"
        yield "distance", f"{figure(found.distance)} {sign} {figure(found.threshold)} ({found.method})"
        yield "gap", f"{figure(found.gap)}; by chance alone under {figure(found.chance)}"
    yield "values", _before_and_after(row, lambda side: figure(side.present))
    allowed = f" ({percent(max(0.0, 1 - row.required))} allowed)" if row.required is not None else ""
    yield "missing", _before_and_after(row, lambda side: percent(side.missing_share)) + allowed
    yield "mean", _before_and_after(row, lambda side: _figure(side, "mean", "std_dev"))
    yield "range", _before_and_after(row, _range)
    yield "different", _before_and_after(row, lambda side: _figure(side, "distinct_count"))


def _before_and_after(row: Row, told: Callable[[Feature], str]) -> str:
    """`baseline → live`; a side that is not there is none, and nothing is said when both are silent."""
    said = [told(side) if side else "" for side in (row.baseline, row.live)]
    return " → ".join(words or "none" for words in said) if any(said) else ""


def _figure(side: Feature, name: str, spread: str = "") -> str:
    figures = side.figures or {}
    if name not in figures:
        return ""
    return figure(figures[name]) + (f" ± {figure(figures[spread])}" if spread in figures else "")


def _range(side: Feature) -> str:
    figures = side.figures or {}
    return f"{figure(figures['min'])} to {figure(figures['max'])}" if {"min", "max"} <= figures.keys() else ""


def metrics(found: Iterable[Metric]) -> str:
    """A table of the model's figures against their bounds."""
    rows = []
    for metric in found:
        deviation = f" ± {figure(metric.deviation)}" if metric.deviation is not None else ""
        sign = {"GreaterThanThreshold": "at most ", "LessThanThreshold": "at least "}.get(metric.worse, "")
        bound = f"{sign}{figure(metric.bound)}" if metric.bound is not None else ""
        state = VIOLATED if metric.findings else "met" if bound else ""
        rows.append(
            f'<tr><td>{escape(metric.name)}</td><td class="number">{escape(figure(metric.value) + deviation)}</td>'
            f"<td>{escape(bound)}</td><td>{state}</td></tr>"
        )
    heading = '<tr><th>metric</th><th class="number">value</th><th>bound</th><th></th></tr>'
    return f'<div class="wide"><table>{heading}{"".join(rows)}</table></div>'


def estimates(found: Iterable[Estimated]) -> str:
    """A table of the figures that are estimated without labels, beside those of the test rows."""
    rows = "".join(
        f'<tr><td>{escape(one.name)}</td><td class="number">{figure(one.value)}</td>'
        f'<td class="number">{figure(one.low)} to {figure(one.high)}</td>'
        f'<td class="number">{figure(one.registered)}</td>'
        f"<td>{VIOLATED if one.findings else ''}</td></tr>"
        for one in found
    )
    heads = "".join(f'<th class="number">{name}</th>' for name in ("estimate", "95 % interval", "test rows"))
    return f'<div class="wide"><table><tr><th>metric</th>{heads}<th></th></tr>{rows}</table></div>'


PAIRS = (
    '<p class="legend small soft">'
    '<span><svg viewBox="0 0 32 16" aria-hidden="true"><rect class="base" y="2" width="32" height="12"/></svg>'
    "baseline</span>"
    '<span><svg viewBox="0 0 32 16" aria-hidden="true"><rect class="bar" y="2" width="32" height="12"/></svg>'
    "live; baseline → live in figures</span></p>"
)
BIAS = (
    '<details class="small soft"><summary>How to read the figures</summary>'
    "<p>Each metric compares the group with all others. The line in the middle is fair: 0, for the ratio DI 1. A "
    "metric is a violation when it is farther from there than the baseline's, on whichever side, by more than chance "
    "explains: the 95 % interval of its bootstrap.</p></details>"
)
ATTRIBUTIONS = (
    '<details class="small soft"><summary>How to read the figures</summary>'
    "<p>How much a feature counts is its mean absolute SHAP value, here as a share of all. It is a violation when the "
    "order of the features changes so much that nDCG is below 0.9: what counted much counts little. Of several classes "
    "the order over all of them is compared.</p></details>"
)


def biases(pairs: Sequence[Pair]) -> str:
    """A card for each group, a bar pair for each metric."""
    groups = groupby(sorted(pairs, key=lambda pair: pair.of), key=lambda pair: pair.of)
    return f'<div class="cards">{"".join(_bias(of, list(own)) for of, own in groups)}</div>'


def _bias(of: str, pairs: list[Pair]) -> str:
    rows = [
        drawing.Difference(p.name, _from_fair(p, p.baseline), _from_fair(p, p.live), _figures(p), bool(p.findings))
        for p in pairs
    ]
    known = "".join(f"<dt>{escape(pair.name)}</dt><dd>{escape(pair.title)}</dd>" for pair in pairs)
    meanings = f'<details class="small soft"><summary>What the metrics are</summary><dl>{known}</dl></details>'
    return _group(of, "bias", pairs, drawing.differences(rows, f"{of}: metrics of bias, baseline and live") + meanings)


def _from_fair(pair: Pair, value: float | None) -> float | None:
    return None if value is None else value - (pair.fair or 0.0)


def _figures(pair: Pair) -> str:
    return " → ".join(figure(value) or "none" for value in (pair.baseline, pair.live))


def attributions(pairs: Sequence[Pair]) -> str:
    """A card for each label, a bar pair for each feature."""
    groups = groupby(pairs, key=lambda pair: pair.of)
    return f'<div class="cards">{"".join(_attribution(of, list(own)) for of, own in groups)}</div>'


def _attribution(of: str, pairs: list[Pair]) -> str:
    shares = [Bar(pair.name, pair.baseline, pair.live) for pair in pairs]
    drawn = drawing.categories(shares, f"{of}: how much features count, baseline and live")
    return _group(of, "attributions", pairs, drawn)


def _group(of: str, kind: str, pairs: list[Pair], drawn: str) -> str:
    told = dict.fromkeys(finding.words for pair in pairs for finding in pair.findings)
    words = "".join(f'<p class="words small">{escape(line)}</p>' for line in told) if kind == "attributions" else ""
    violated = " violated" if told else ""
    heading = f'<h3>{escape(of)} <span class="kind">{kind}</span></h3>'
    return f'<article class="card{violated}">{heading}{words}{drawn}</article>'
