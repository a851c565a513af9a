"""Bias and attributions in the drift report: analyses in; figures, findings and a page out."""

import html
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from slipway.cli.drift_report import analyses, drawing, page
from slipway.cli.drift_report.executions import Execution, Since
from slipway.cli.drift_report.report import Documents, Monitor, Pair, Report

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"


def bias(group: str = "yes", **metrics: Any) -> dict[str, Any]:
    listed = [{"name": name, "description": f"All of {name}", "value": value} for name, value in metrics.items()]
    facets = {"plan": [{"value_or_threshold": group, "metrics": listed}]}
    return {"post_training_bias_metrics": {"label": "churn", "facets": facets}}


def violation(metric: str, value: str = "yes") -> dict[str, str]:
    told = "Metric value 1 doesn't meet the baseline constraint requirement 2"
    known = {"facet": "plan", "facet_value": value, "metric_name": metric}
    return {**known, "constraint_check_type": "bias_drift_check", "description": told}


def attributions(**shares: float) -> dict[str, Any]:
    return {"explanations": {"kernel_shap": {"label0": {"global_shap_values": shares, "expected_value": 0.1}}}}


DRIFT = {
    "label": "label0",
    "metric_name": "shap",
    "constraint_check_type": "feature_attribution_drift_check",
    "description": "Feature attribution drift 0.7636 exceeds threshold 0.9",
}


def execution(*violations: Any, hours_ago: int = 0) -> Execution:
    status = "CompletedWithViolations" if violations else "Completed"
    return Execution(NOW - timedelta(hours=hours_ago), status, f"arn:j/{hours_ago}", violations=violations)


def judged(live: Any, baseline: Any, *violations: Any) -> Monitor:
    newest = execution(*violations)
    build = analyses.explainability if "explanations" in live else analyses.model_bias
    return build("s", newest, [newest, execution(hours_ago=1)], Documents(live, baseline_constraints=baseline))


class TestBias:
    def test_metrics_stand_beside_the_baseline_s_and_violations_come_first(self) -> None:
        found = judged(bias(AD=0.1, DPPL=-0.3), bias(AD=0.1, DPPL=-0.1), violation("DPPL"))
        assert [(pair.name, pair.baseline, pair.live, pair.fair) for pair in found.pairs] == [
            ("DPPL", -0.1, -0.3, 0.0),
            ("AD", 0.1, 0.1, 0.0),
        ]
        (finding,) = found.findings
        assert finding.subject == "DPPL of plan = yes"
        assert finding.words == "-0.3 is farther from fair (0) than the baseline's -0.1"
        assert finding.since == Since(NOW, 1, at_least=False)
        assert found.pairs[0].findings == (finding,)

    def test_the_ratio_is_fair_at_1_and_may_be_infinite(self) -> None:
        found = judged(bias(DI="Infinity"), bias(DI=0.8), violation("DI"))
        assert found.findings[0].words == "infinite is farther from fair (1) than the baseline's 0.8"
        assert json.loads(json.dumps(found.pairs[0].dump()))["live"] == "inf"

    def test_what_the_baseline_lacks_is_not_shown_beside_it(self) -> None:
        live = bias(DPPL=0.1) | {"pre_training_bias_metrics": bias(CI=0.5)["post_training_bias_metrics"]}
        assert {pair.name for pair in judged(live, bias(DPPL=0.2)).pairs} == {"DPPL"}
        assert {pair.name for pair in judged(live, {}).pairs} == {"DPPL", "CI"}

    def test_what_cannot_be_computed_on_either_side_is_left_out(self) -> None:
        assert [pair.name for pair in judged(bias(FT=None, TE=None), bias(FT=None, TE=2.0)).pairs] == ["TE"]

    def test_a_group_above_a_threshold_is_the_same_although_its_upper_end_moves(self) -> None:
        found = judged(bias("(40.0, 70.0]", AD=0.4), bias("(40.0, 69.0]", AD=0.1), violation("AD", "40"))
        assert [(pair.of, pair.baseline, pair.live) for pair in found.pairs] == [("plan in (40.0, 70.0]", 0.1, 0.4)]
        assert found.pairs[0].findings

    def test_a_violation_that_nobody_knows_is_told_in_the_monitor_s_words(self) -> None:
        found = judged(bias(AD=0.4), bias(AD=0.1), violation("XX"))
        assert found.findings[0].words == violation("XX")["description"]


class TestAttributions:
    def test_features_are_shares_in_the_order_of_the_baseline(self) -> None:
        found = judged(attributions(a=1, b=3), attributions(a=6, b=-2))
        assert [(pair.name, pair.baseline, pair.live) for pair in found.pairs] == [("a", 0.75, 0.25), ("b", 0.25, 0.75)]

    def test_another_order_is_told_by_what_comes_first(self) -> None:
        found = judged(attributions(a=1, b=3, c=2, d=0), attributions(a=6, b=2, c=1, d=0), DRIFT)
        (finding,) = found.findings
        assert finding.subject == "attributions of label0"
        assert finding.words == (
            "features count in another order: nDCG 0.764 below 0.9; first are b, c, a, in the baseline a, b, c"
        )
        assert all(pair.findings == (finding,) for pair in found.pairs)

    def test_of_several_classes_all_of_them_stand_first(self) -> None:
        live, baseline = (
            attributions(a=a, b=b)["explanations"] | {"over_classes": {"global_shap_values": {"a": b, "b": a}}}
            for a, b in ((1, 3), (3, 1))
        )
        over = DRIFT | {"label": "all classes"}
        found = judged({"explanations": live}, {"explanations": baseline}, over)
        assert [(pair.of, pair.name, bool(pair.findings)) for pair in found.pairs] == [
            ("all classes", "b", True),
            ("all classes", "a", True),
            ("label0", "a", False),
            ("label0", "b", False),
        ]
        assert found.findings[0].words.endswith("first are a, b, in the baseline b, a")
        assert "attributions of all classes" in shown(found)

    def test_without_a_baseline_the_live_figures_are_shown(self) -> None:
        assert [(pair.name, pair.baseline) for pair in judged(attributions(a=1, b=3), {}).pairs] == [
            ("b", None),
            ("a", None),
        ]

    def test_nothing_counts(self) -> None:
        assert [pair.live for pair in judged(attributions(a=0), attributions(a=0)).pairs] == [None]


def shown(*monitors: Monitor) -> str:
    return html.unescape(page.page(Report("demo", "prod", "demo-prod", 3, NOW, monitors)))


def test_the_page_has_a_bar_pair_for_each_figure() -> None:
    text = shown(
        judged(bias(AD=0.1, DI=1.4, TE=9.0), bias(AD=0.0, DI=1.2, TE=0.1), violation("DI")),
        judged(attributions(a=1, b=3), attributions(a=6, b=2), DRIFT),
    )
    assert "prod drifts: 2 violations in 2 features and metrics" in text
    pictures = [ET.fromstring(drawn) for drawn in re.findall(r"<svg xmlns.*?</svg>", text, re.DOTALL)]
    told = [title.text for drawn in pictures for title in drawn.iter(f"{SVG}title")]
    assert {"AD: 0 → 0.1", "DI: 1.2 → 1.4", "TE: 0.1 → 9", "a: 75 % → 25 %", "b: 25 % → 75 %"} <= set(told)
    assert "All of DI" in text


@pytest.mark.parametrize("value", [-7.0, -1.0, -0.2, 0.0, 0.3, float("inf"), None])
def test_a_bar_never_leaves_the_picture(value: float | None) -> None:
    row = drawing.Difference("n", value, value, "", violated=True)
    for bar in ET.fromstring(drawing.differences([row], "t")).iter(f"{SVG}rect"):
        assert float(bar.attrib["x"]) >= 0
        assert float(bar.attrib["x"]) + float(bar.attrib["width"]) <= drawing.WIDTH


def test_names_are_escaped() -> None:
    nasty = '<script>"&'
    pair = Pair(nasty, nasty, nasty, nasty, 0.1, 0.2, 0.0)
    for kind in (analyses.MODEL_BIAS, analyses.EXPLAINABILITY):
        monitor = Monitor(kind, nasty, execution(), (execution(),), pairs=(pair,))
        assert "<script>" not in page.page(Report(nasty, "prod", nasty, 0, NOW, (monitor,)))
