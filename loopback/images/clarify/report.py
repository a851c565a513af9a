"""report.html: what analysis.json says, to read. One file that loads nothing; what comes from data is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:.5rem 0 1.5rem}td,th{padding:.2rem .8rem;border-bottom:1px solid #ddd;"
    "text-align:left}td.n{text-align:right;font-variant-numeric:tabular-nums}i{display:inline-block;height:.7rem;"
    "background:#4269d0}"
)
_STAGES = {"pre_training_bias_metrics": "Bias of the data", "post_training_bias_metrics": "Bias of the model"}

Doc = Mapping[str, Any]


def page(analysis: Doc, title: str) -> str:
    """The whole file."""
    parts = [*_bias(analysis), *_attributions(analysis), *_dependence(analysis)]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{escape(title)}</h1>\n{''.join(parts)}</body></html>\n"
    )


def _bias(analysis: Doc) -> Iterator[str]:
    for section, heading in _STAGES.items():
        found = analysis.get(section) or {}
        for facet, reports in (found.get("facets") or {}).items():
            for report in reports:
                yield f"<h2>{heading}: {escape(facet)} {escape(str(report['value_or_threshold']))}</h2>"
                yield f"<p>label {escape(str(found['label']))}: {escape(str(found['label_value_or_threshold']))}</p>"
                yield _table(("metric", "", "value"), (_metric(metric) for metric in report["metrics"]))


def _metric(metric: Doc) -> Sequence[str]:
    value = metric["value"]
    said = metric.get("error", "") if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
    return escape(metric["name"]), escape(metric["description"]), escape(said)


def _attributions(analysis: Doc) -> Iterator[str]:
    for label, found in ((analysis.get("explanations") or {}).get("kernel_shap") or {}).items():
        values = found["global_shap_values"]
        most = max((abs(value) for value in values.values()), default=0.0) or 1.0
        yield f"<h2>Feature attributions: {escape(label)}</h2><p>expected value {found['expected_value']:.4f}</p>"
        ordered = sorted(values, key=lambda name: -abs(values[name]))
        yield _table(
            ("feature", "", "SHAP"),
            (
                (escape(n), f'<i style="width:{12 * abs(values[n]) / most:.2f}rem"></i>', f"{values[n]:.4g}")
                for n in ordered
            ),
        )


def _dependence(analysis: Doc) -> Iterator[str]:
    for feature in (analysis.get("explanations") or {}).get("pdp") or ():
        yield f"<h2>Partial dependence: {escape(feature['feature_name'])}</h2>"
        rows = zip(feature["feature_values"], feature["data_distribution"], *feature["model_predictions"], strict=True)
        heads = ("value", "share of the rows", *feature["label_headers"])
        yield _table(heads, ([escape(_figure(cell)) for cell in row] for row in rows))


def _figure(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(
        f"<tr>{''.join(f'<td>{cell}</td>' for cell in row[:-1])}<td class=n>{row[-1]}</td></tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>\n"
