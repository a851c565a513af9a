"""Bias metrics against counts that can be made by hand."""

import math

import pandas as pd
import pytest

from slipway.analysis import bias
from slipway.analysis.frames import Dataset
from tests.loopback.images.clarify.conftest import PREDICTOR, metrics

HEADERS = ["sex", "age", "group", "y", "told"]
CONFIG = {
    "dataset_type": "text/csv",
    "headers": HEADERS,
    "label": "y",
    "predicted_label": "told",
    "label_values_or_threshold": [1],
    "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}],
    "group_variable": "group",
    "methods": {"pre_training_bias": {"methods": "all"}, "post_training_bias": {"methods": "all"}},
}
# (facet, label, prediction) -> rows
COUNTS = {
    ("m", 1, 1): 30,
    ("m", 1, 0): 10,
    ("m", 0, 1): 5,
    ("m", 0, 0): 15,
    ("f", 1, 1): 8,
    ("f", 1, 0): 8,
    ("f", 0, 1): 2,
    ("f", 0, 0): 22,
}


def rows():
    return [
        (sex, 20 + number % 40, "ab"[number % 2], y, told)
        for (sex, y, told), count in COUNTS.items()
        for number in range(count)
    ]


def test_all_metrics_of_both_stages(job):
    job.data(*rows())
    found = job.run(CONFIG)
    before, after = (
        metrics(found["pre_training_bias_metrics"], "sex"),
        metrics(found["post_training_bias_metrics"], "sex"),
    )
    a, d = 60, 40  # rows of each side
    pa, pd = 40 / a, 16 / d  # shares of positive labels
    assert before["CI"] == pytest.approx((a - d) / (a + d))
    assert before["DPL"] == pytest.approx(pa - pd)
    kl = sum(p * math.log(p / q) for p, q in ((pa, pd), (1 - pa, 1 - pd)))
    assert before["KL"] == pytest.approx(kl)
    middle = (pa + pd) / 2
    js = 0.5 * sum(
        p * math.log(p / m) for p, m in ((pa, middle), (1 - pa, 1 - middle), (pd, middle), (1 - pd, 1 - middle))
    )
    assert before["JS"] == pytest.approx(js)
    assert (before["LP"], before["TVD"], before["KS"]) == pytest.approx((2**0.5 * (pa - pd), pa - pd, pa - pd))
    assert after["DPPL"] == pytest.approx(35 / a - 10 / d)
    assert after["DI"] == pytest.approx((10 / d) / (35 / a))
    assert after["DCA"] == pytest.approx(40 / 35 - 16 / 10)
    assert after["DCR"] == pytest.approx(24 / 30 - 20 / 25)
    assert after["RD"] == pytest.approx(30 / 40 - 8 / 16)
    assert after["SD"] == pytest.approx(22 / 24 - 15 / 20)
    assert after["DAR"] == pytest.approx(30 / 35 - 8 / 10)
    assert after["DRR"] == pytest.approx(22 / 30 - 15 / 25)
    assert after["AD"] == pytest.approx(45 / a - 30 / d)
    assert after["TE"] == pytest.approx(8 / 2 - 10 / 5)
    benefits = [1] * (38 + 37) + [0] * 18 + [2] * 7  # prediction - label + 1
    mean = sum(benefits) / 100
    assert after["GE"] == pytest.approx(sum((b / mean) ** 2 - 1 for b in benefits) / 200)
    assert set(before) == {"CI", "DPL", "KL", "JS", "LP", "TVD", "KS", "CDDL"}
    assert set(after) >= {"CDDPL", "FT"}


def test_conditional_demographic_disparity_is_the_mean_over_the_groups(job):
    cells = {
        ("a", "f", 1): 5,
        ("a", "f", 0): 15,
        ("a", "m", 1): 15,
        ("a", "m", 0): 5,
        ("b", "f", 1): 3,
        ("b", "m", 0): 7,
    }
    job.data(*((s, 30, g, y, y) for (g, s, y), count in cells.items() for _ in range(count)))
    found = metrics(job.run(CONFIG)["pre_training_bias_metrics"], "sex")
    assert found["CDDL"] == pytest.approx((40 * (15 / 20 - 5 / 20) + 10 * (0 / 7 - 3 / 3)) / 50)


def test_without_a_group_variable_its_metric_says_so(job):
    job.data(*rows())
    config = {key: value for key, value in CONFIG.items() if key != "group_variable"}
    report = job.run(config)["pre_training_bias_metrics"]["facets"]["sex"][0]
    cddl = next(metric for metric in report["metrics"] if metric["name"] == "CDDL")
    assert cddl["value"] is None
    assert "Group variable" in cddl["error"]


@pytest.mark.parametrize(
    ("facet", "groups"),
    [
        ({"name_or_index": "age", "value_or_threshold": [40]}, ["(40.0, 59.0]"]),
        ({"name_or_index": 1, "value_or_threshold": ["40"]}, ["(40.0, 59.0]"]),
        ({"name_or_index": "sex"}, ["m", "f"]),
        ({"name_or_index": "sex", "value_or_threshold": ["f", "x"]}, ["f,x"]),
    ],
)
def test_facets_by_value_and_by_threshold(job, facet, groups):
    job.data(*((s, 20 + n % 40, g, y, t) for n, (s, _, g, y, t) in enumerate(rows())))
    found = job.run(CONFIG | {"facet": [facet]})["pre_training_bias_metrics"]["facets"]
    ((_, reports),) = found.items()
    assert [report["value_or_threshold"] for report in reports] == groups
    if groups == ["(40.0, 59.0]"]:
        above = sum(20 + n % 40 > 40 for n in range(100))
        assert metrics({"facets": found}, "age")["CI"] == pytest.approx((100 - 2 * above) / 100)


def test_few_rows_with_labels_0_and_1_are_classes(job):
    job.data(*(("mf"[n % 2], 30, "a", n % 3 == 0, n % 3 == 0) for n in range(12)))
    config = CONFIG | {"label_values_or_threshold": ["True"]}
    assert job.run(config)["pre_training_bias_metrics"]["label_value_or_threshold"] == "True"
    job.data(*(("mf"[n % 2], 30, "a", n % 2, n % 2) for n in range(12)))
    assert job.run(CONFIG)["pre_training_bias_metrics"]["label_value_or_threshold"] == "1"


def test_a_number_as_label_has_a_threshold(job):
    job.data(*(("mf"[n % 2], 30, "a", n / 10, n / 10 + 0.01) for n in range(100)))
    found = job.run(CONFIG | {"label_values_or_threshold": [5]})["post_training_bias_metrics"]
    assert found["label_value_or_threshold"] == "(5.0, 9.9]"
    assert metrics(found, "sex")["DPPL"] == pytest.approx(25 / 50 - 25 / 50)


def test_the_model_says_what_it_predicts(job):
    """The endpoint answers probabilities; above the threshold is 1."""
    job.data(*((s, age, g, y) for s, age, g, y, _ in rows()))
    told = {(s, str(age), g): 0.9 for s, age, g, _, t in rows() if t}
    job.aws.answer = lambda lines: [told.get(tuple(line), 0.6) for line in lines]
    config = CONFIG | {"headers": HEADERS[:-1], "predictor": PREDICTOR, "probability_threshold": 0.7}
    config.pop("predicted_label")
    assert metrics(job.run(config)["post_training_bias_metrics"], "sex")["DPPL"] is not None
    assert job.aws.requests[2]["Body"].decode().splitlines()[0] == "m,20,a"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"facet": [{"name_or_index": "race"}]}, "facet.name_or_index is 'race'; the data have the columns sex, age"),
        ({"label": "z"}, "label is 'z'; the data have the columns"),
        ({"group_variable": 9}, "group_variable is 9"),
        (
            {"facet": [{"name_or_index": "age", "value_or_threshold": ["old"]}]},
            "'old', but the column age holds numbers",
        ),
        ({"headers": ["a", "b"]}, "has 5 columns, headers names 2: a, b"),
    ],
)
def test_what_does_not_fit_the_data_is_named(job, change, told):
    job.data(*rows())
    assert told in job.refuses(CONFIG | change)


def test_without_a_positive_prediction_there_is_nothing_to_say(job):
    job.data(*((s, age, g, y, 0) for s, age, g, y, _ in rows()))
    assert "post_training_bias of facet sex: No Label values are present in the predicted" in job.refuses(CONFIG)


def test_predictions_and_facets_beside_the_data(job):
    job.data(*((number, age, y) for number, (_, age, _, y, _) in enumerate(rows())))
    job.aws.objects["b/told.csv"] = "\n".join(f"{n},{t}" for n, (*_, t) in reversed(list(enumerate(rows()))))
    job.aws.objects["b/sex.csv"] = "\n".join(s for s, *_ in rows())
    config = {
        **{key: CONFIG[key] for key in ("dataset_type", "label", "label_values_or_threshold", "facet", "methods")},
        "headers": ["id", "age", "y"],
        "joinsource_name_or_index": "id",
        "facet_dataset_uri": "s3://b/sex.csv",
        "facet_headers": ["sex"],
        "predicted_label_dataset_uri": "s3://b/told.csv",
        "predicted_label_headers": ["id", "told"],
        "predicted_label": "told",
    }
    assert metrics(job.run(config)["post_training_bias_metrics"], "sex")["DPPL"] == pytest.approx(35 / 60 - 10 / 40)


@pytest.mark.parametrize("facet", [("sex", ["f"]), ("age", [40]), ("sex", None)])
def test_the_bootstrap_has_the_spread_of_a_share(facet):
    name, values = facet
    frame = pd.DataFrame(rows(), columns=HEADERS, dtype=object)
    data = Dataset(frame, ("sex", "age", "group"), "y")
    asked = CONFIG | {"facet": [{"name_or_index": name, **({"value_or_threshold": values} if values else {})}]}
    for question in bias.questions(data, asked, frame["told"]):
        assert len(question.reports()) == len(question.groups)
        deviation = question.spread("DPPL" if question.stage == bias.POST else "DPL", 0)
        assert 0.03 < deviation < 0.2
