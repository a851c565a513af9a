"""What drifted: farther from fair than the baseline and beyond chance; features in another order."""

import pytest

from slipway.analysis import analysis_violations as violations


def analysis(value, name="DPPL", group="f"):
    metric = {"name": name, "description": "", "value": value}
    return {"post_training_bias_metrics": {"facets": {"sex": [{"value_or_threshold": group, "metrics": [metric]}]}}}


def bias(now, before, deviation=None, values=None):
    return list(violations.of_bias(now, before, values or {}, lambda *_: deviation))


@pytest.mark.parametrize(
    ("name", "before", "now", "violated"),
    [
        ("DPPL", 0.2, 0.1, False),
        ("DPPL", 0.2, -0.2, False),
        ("DPPL", 0.2, -0.3, True),
        ("DI", 0.8, 0.6, True),
        ("DI", 0.8, 1.2, False),
        ("DI", 0.8, 1.3, True),
        ("DI", 0.8, "Infinity", True),
        ("DI", "Infinity", "Infinity", False),
        ("TE", "-Infinity", 5.0, False),
        ("CDDPL", None, 0.5, False),
        ("CDDPL", 0.5, None, False),
    ],
)
def test_farther_from_fair_than_the_baseline(name, before, now, violated):
    found = bias(analysis(now, name), analysis(before, name))
    assert bool(found) == violated
    if violated:
        assert found[0] == {
            "facet": "sex",
            "facet_value": "f",
            "metric_name": name,
            "constraint_check_type": "bias_drift_check",
            "description": f"Metric value {now} doesn't meet the baseline constraint requirement {before}",
        }


@pytest.mark.parametrize(("deviation", "violated"), [(None, True), (0.04, True), (0.06, False)])
def test_what_chance_explains_is_no_violation(deviation, violated):
    assert bool(bias(analysis(-0.3), analysis(0.2), deviation)) == violated


def test_the_only_group_is_the_same_whatever_its_upper_bound():
    found = bias(analysis(0.5, group="(40.0, 70.0]"), analysis(0.1, group="(40.0, 69.0]"), values={"sex": "40"})
    assert found[0]["facet_value"] == "40"


def test_what_is_not_in_the_baseline_is_not_compared():
    assert bias(analysis(0.5), {}) == []
    assert bias(analysis(0.5, "DI"), analysis(0.1, "DPPL")) == []
    two = analysis(0.5)
    two["post_training_bias_metrics"]["facets"]["sex"].append({"value_or_threshold": "m", "metrics": []})
    assert bias(two, analysis(0.1, group="x")) == []


def attributions(**values):
    return {"explanations": {"kernel_shap": {"label0": {"global_shap_values": values, "expected_value": 0.5}}}}


def test_the_gain_of_aws_s_example():
    before = {"SAT score": 0.70, "GPA": 0.50, "Class rank": 0.05}
    now = {"SAT score": 0.10, "GPA": 0.20, "Class rank": 0.70}
    assert violations.ranking_gain(before, now) == pytest.approx(0.69, abs=0.005)
    assert violations.ranking_gain(before, before) == 1.0


def test_another_order_of_the_features():
    before = attributions(a=0.7, b=0.5, c=0.05)
    assert list(violations.of_attributions(attributions(a=0.6, b=0.61, c=0.0), before)) == []
    (found,) = violations.of_attributions(attributions(a=0.0, b=0.1, c=0.9), before)
    assert (found["label"], found["metric_name"]) == ("label0", "shap")
    assert found["constraint_check_type"] == "feature_attribution_drift_check"
    assert found["description"].startswith("Feature attribution drift 0.6")
    assert found["description"].endswith(" exceeds threshold 0.9")
    assert list(violations.of_attributions(attributions(a=1.0), {})) == []
