"""The jobs Bias and Explain on the real model: figures held to other ways of computing them."""

import json

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb

from slipway.analysis import contributions
from slipway.build import bias_analysis
from slipway.tabular import explaining, scoring
from slipway.tabular.baselines import Lifecycle
from slipway.tabular.checking import Folders, raw_rows
from slipway.tabular.job import JobError
from slipway.tabular.scripts import bias, explain
from tests.slipway.tabular.test_baselines import Registry, unreachable

from .made import WINES, pipeline, wine_settings, wines

FIRST = Lifecycle(skip_check=True, register_new=True, group="g")
CHECKED = Lifecycle(skip_check=False, register_new=False, group="g")
PARTS = ("train", "test")
EXPLAIN = {"explainability": {"rows": 200, "num_samples": 200, "agg_method": "mean_abs"}}


@pytest.fixture(scope="module")
def folders(churn, tmp_path_factory):
    folder = tmp_path_factory.mktemp("checked")
    asked = {"bias": {"facets": {"intl_plan": ["yes"]}}, "explainability": {"rows": 120}}
    churn.script("prepare").main(churn.folder / "in", folder, churn.config | asked)
    return Folders(churn.folder / "archive", folder / "checked", folder / "calculated", folder / "baseline")


@pytest.fixture(scope="module")
def config(churn):
    used = list(churn.script("evaluate").Columns.from_config(churn.config["data"]).features)
    return {
        "headers": [*used, "churn"],
        "label": "churn",
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "intl_plan", "value_or_threshold": ["yes"]}],
    }


def read(folder, name):
    return json.loads((folder / f"{name}.json").read_text())


def test_bias_of_rows_and_of_answers(folders, config, churn):
    found = bias.main(folders, config, FIRST, unreachable)
    rows = pd.read_csv(folders.rows / "train.csv", header=None, names=config["headers"])
    of_plan = rows.intl_plan == "yes"
    data = values(found["data"], "pre_training_bias_metrics", "intl_plan")
    assert data["DPL"] == pytest.approx(rows.churn[~of_plan].mean() - rows.churn[of_plan].mean())
    test = pd.read_csv(folders.rows / "test.csv", header=None, names=config["headers"])
    model = scoring.unpack(folders.model / "model.tar.gz", folders.rows.parent / "unpacked").model
    told = model.predict(model.parse(raw_rows(folders.rows / "test.csv"), "text/csv")) >= model.threshold
    of_plan = (test.intl_plan == "yes").to_numpy()
    model_bias = values(found["model"], "post_training_bias_metrics", "intl_plan")
    assert model_bias["DPPL"] == pytest.approx(told[~of_plan].mean() - told[of_plan].mean())
    assert read(folders.baseline, "model") == read(folders.calculated, "model") == found["model"]


def test_explanations_add_up_to_the_margin_of_each_row(folders):
    found = explain.main(folders, EXPLAIN, FIRST, unreachable)
    model = scoring.unpack(folders.model / "model.tar.gz", folders.rows.parent / "again").model
    matrix = model.parse(raw_rows(folders.rows / "explained.csv"), "text/csv")
    values = explaining.of_rows(model, matrix, 200, 200).contributions(matrix)[:, 0]
    margin = np.log(model.predict(matrix) / (1 - model.predict(matrix)))
    assert values.sum(axis=1) == pytest.approx(margin, abs=1e-3)
    label = found["explanations"]["kernel_shap"]["label0"]
    assert list(label["global_shap_values"]) == list(model.encoder.features)
    assert label["global_shap_values"]["day_mins"] == pytest.approx(
        np.abs(values[:, model.encoder.features.index("day_mins")]).mean()
    )
    assert label["expected_value"] == pytest.approx(values[:, -1].mean())


@pytest.fixture(scope="module")
def wine(tmp_path_factory):
    """The wines' version, and the rows that its checks read."""
    return checked(tmp_path_factory.mktemp("wine"), WINES)[1]


def checked(root, classes, positive=WINES[:1]):
    """(what the job Bias is configured with, its folders) of the wines, whose growers have these names."""
    settings = wine_settings(
        explainability={"rows": 30}, bias={"facets": {"alcohol": [13], "hue": [1]}, "positive": [*positive]}
    )
    settings["data"]["label"] = {"classes": [*classes]}
    made = pipeline(root, "wine", settings, wines(classes))
    made.prepare()
    made.train()
    made.evaluate()
    work = made.work
    told = bias_analysis.configuration(made.config.bias, made.config.data)
    return told, Folders(work / "archive", made.out / "checked", work / "calculated", work / "baseline")


def shares(positive, of_group):
    """The share of positive rows (of the others, of the group)."""
    return np.mean(positive[~of_group]), np.mean(positive[of_group])


@pytest.mark.parametrize(
    ("classes", "positive"),
    [
        (WINES, WINES[:1]),
        (WINES, ("grignolino", "3")),
        ((0, 1, 2), (1,)),  # a threshold, if they were numbers
        ((0, 1, 2), (0, 1)),
    ],
    ids=["one", "two", "of numbers one", "of numbers two"],
)
def test_bias_of_several_classes_is_that_of_the_positive_ones(tmp_path, classes, positive):
    """The judge is AWS's page of each metric: DPL, DPPL and DI of q = positive rows / rows of a side."""
    told, folders = checked(tmp_path, classes, positive)
    found = bias.main(folders, told, FIRST, unreachable)
    names = list(map(str, classes))
    assert told["label_values_or_threshold"] == list(map(str, positive))
    assert told["predictor"] == {"label_headers": names}
    wanted = [names.index(str(name)) for name in positive]
    train, test = (pd.read_csv(folders.rows / f"{part}.csv", header=None, names=told["headers"]) for part in PARTS)
    others, group = shares(train.grower.isin(wanted).to_numpy(), (train.alcohol > 13).to_numpy())
    assert values(found["data"], "pre_training_bias_metrics", "alcohol")["DPL"] == pytest.approx(others - group)
    model = scoring.unpack(folders.model / "model.tar.gz", tmp_path / "unpacked").model
    answers = model.predict(model.parse(raw_rows(folders.rows / "test.csv"), "text/csv")).argmax(axis=1)
    others, group = shares(np.isin(answers, wanted), (test.alcohol > 13).to_numpy())
    of_model = values(found["model"], "post_training_bias_metrics", "alcohol")
    assert of_model["DPPL"] == pytest.approx(others - group)
    assert of_model["DI"] == (pytest.approx(group / others) if others else "Infinity")
    section = found["model"]["post_training_bias_metrics"]
    assert section["label_value_or_threshold"] == ",".join(map(str, positive))
    assert list(section["facets"]) == ["alcohol", "hue"]


@pytest.mark.parametrize("positive", [(1,), (0, 2)])
def test_bias_of_several_classes_agrees_with_the_package_of_aws(tmp_path, positive):
    """The oracle is smclarify, told the growers by name, so that it takes none for a threshold."""
    oracle = pytest.importorskip("smclarify.bias.report")
    names = tuple(f"g{number}" for number in range(3))
    told, folders = checked(tmp_path, names, [names[number] for number in positive])
    ours = bias.main(folders, told, FIRST, unreachable)["model"]["post_training_bias_metrics"]["facets"]["alcohol"]
    test = pd.read_csv(folders.rows / "test.csv", header=None, names=told["headers"])
    model = scoring.unpack(folders.model / "model.tar.gz", tmp_path / "unpacked").model
    answers = model.predict(model.parse(raw_rows(folders.rows / "test.csv"), "text/csv")).argmax(axis=1)
    label, predicted = (pd.Series([names[n] for n in numbers]).astype("category") for numbers in (test.grower, answers))
    theirs = oracle.bias_report(
        test.drop(columns="grower"),
        oracle.FacetColumn("alcohol", [13]),
        oracle.LabelColumn("grower", label, [names[number] for number in positive]),
        oracle.StageType.POST_TRAINING,
        oracle.LabelColumn("grower", predicted, [names[number] for number in positive]),
        ["DPPL", "DI", "DCA", "DCR", "RD", "SD", "DAR", "DRR", "AD", "TE", "GE"],
    )
    found = {metric["name"]: metric["value"] for metric in ours[0]["metrics"]}
    for metric in theirs[0]["metrics"]:
        value = metric["value"]
        nothing = value is None or value != value  # noqa: PLR0124 - NaN
        expected = None if nothing else value if isinstance(value, str) else pytest.approx(value, abs=1e-9)
        assert found[metric["name"]] == expected, metric["name"]


def values(document, section, facet):
    [report] = document[section]["facets"][facet]
    return {metric["name"]: metric["value"] for metric in report["metrics"]}


def explained(folders, unpacked):
    """(the model, its rows as it sees them, their contributions)."""
    model = scoring.unpack(folders.model / "model.tar.gz", unpacked).model
    matrix = model.parse(raw_rows(folders.rows / "explained.csv"), "text/csv")
    return model, matrix, explaining.of_rows(model, matrix, 200, 200).contributions(matrix)


def test_of_several_classes_each_has_contributions_that_add_up_to_its_margin(wine, tmp_path):
    """The judge is XGBoost: what it predicts with output_margin."""
    model, matrix, values = explained(wine, tmp_path / "unpacked")
    rows = xgb.DMatrix(matrix, feature_names=model.booster.feature_names)
    margins = model.booster.predict(rows, output_margin=True)
    assert values.shape == (30, 3, 14)
    assert values.sum(axis=2) == pytest.approx(margins, abs=1e-4)
    assert (margins.argmax(axis=1) == model.predict(matrix).argmax(axis=1)).all()


@pytest.mark.parametrize("aggregate", ["mean_abs", "median", "mean_sq"])
def test_of_several_classes_each_feature_counts_in_each_and_over_all(wine, tmp_path, aggregate):
    model, _, values = explained(wine, tmp_path / "unpacked")
    found = explain.main(
        wine, {"explainability": EXPLAIN["explainability"] | {"agg_method": aggregate}}, FIRST, unreachable
    )["explanations"]
    assert list(found["kernel_shap"]) == [*WINES]
    names = model.encoder.features
    for place, name in enumerate(WINES):
        said = found["kernel_shap"][name]
        assert list(said["global_shap_values"]) == [*names]
        assert said["global_shap_values"]["proline"] == pytest.approx(
            contributions.AGGREGATES[aggregate](values[:, place, names.index("proline")])
        )
        assert said["expected_value"] == pytest.approx(values[:, place, -1].mean())
    over = found["over_classes"]["global_shap_values"]
    each = [found["kernel_shap"][name]["global_shap_values"]["proline"] for name in WINES]
    assert over["proline"] == pytest.approx(np.abs(each).mean())
    if aggregate == "mean_abs":
        assert over["proline"] == pytest.approx(np.abs(values[:, :, names.index("proline")]).mean())


def test_of_several_classes_the_order_over_all_of_them_is_compared(wine):
    found = explain.main(wine, EXPLAIN, FIRST, unreachable)
    turned = json.loads(json.dumps(found))
    turn(turned["explanations"]["kernel_shap"][WINES[0]])  # one class alone proves nothing
    assert explain.main(wine, EXPLAIN, CHECKED, Earlier("Explainability", {"Constraints": turned})) == found
    turn(turned["explanations"]["over_classes"])
    with pytest.raises(JobError, match=r"1 violations of .*\nattributions of all classes: Feature attribution drift 0"):
        explain.main(wine, EXPLAIN, CHECKED, Earlier("Explainability", {"Constraints": turned}))


def turn(found):
    """Let what counts least count most."""
    values = found["global_shap_values"]
    order = sorted(values, key=values.get)
    found["global_shap_values"] = dict(zip(order, sorted(values.values(), reverse=True), strict=True))


class Earlier(Registry):
    """With documents of other sections."""

    def __init__(self, section, documents):
        super().__init__(documents)
        self.section = section

    def describe_model_package(self, ModelPackageName):  # noqa: N803
        found = super().describe_model_package(ModelPackageName)["DriftCheckBaselines"]["ModelDataQuality"]
        return {"DriftCheckBaselines": {self.section: found}}


def test_a_group_that_is_treated_worse_than_in_production_fails_the_run(folders, config):
    found = bias.main(folders, config, FIRST, unreachable)
    fair = json.loads(json.dumps(found["model"]))
    [report] = fair["post_training_bias_metrics"]["facets"]["intl_plan"]
    for metric in report["metrics"]:
        metric["value"] = 0.001 if metric["name"] == "DPPL" else metric["value"]
    registry = Earlier("Bias", {"PreTrainingConstraints": found["data"], "PostTrainingConstraints": fair})
    with pytest.raises(JobError, match=r"1 violations of the baseline .*\nDPPL of intl_plan = yes: Metric value -"):
        bias.main(folders, config, CHECKED, registry)
    assert read(folders.baseline, "model") == fair  # RegisterNewBaseline=false
    assert read(folders.calculated, "constraint_violations")["violations"][0]["metric_name"] == "DPPL"


def test_a_baseline_of_another_positive_class_is_not_compared(tmp_path):
    told, folders = checked(tmp_path, WINES)
    found = bias.main(folders, told, FIRST, unreachable)
    earlier = Earlier("Bias", {"PreTrainingConstraints": found["data"], "PostTrainingConstraints": found["model"]})
    assert bias.main(folders, told, CHECKED, earlier) == found
    with pytest.raises(JobError, match="positive is 3, and Barolo, red in the baseline of the version in production"):
        bias.main(folders, told | {"label_values_or_threshold": ["3"]}, CHECKED, earlier)


def test_features_that_count_otherwise_than_in_production_fail_the_run(folders):
    found = explain.main(folders, EXPLAIN, FIRST, unreachable)
    turned = json.loads(json.dumps(found))
    turn(turned["explanations"]["kernel_shap"]["label0"])
    with pytest.raises(JobError, match="attributions of label0: Feature attribution drift 0"):
        explain.main(folders, EXPLAIN, CHECKED, Earlier("Explainability", {"Constraints": turned}))
    assert explain.main(folders, EXPLAIN, CHECKED, Earlier("Explainability", {"Constraints": found})) == found


def test_a_label_that_the_model_does_not_know_is_named(folders, config):
    with pytest.raises(JobError, match=r"facet\.name_or_index is 'plan'"):
        bias.main(folders, config | {"facet": [{"name_or_index": "plan", "value_or_threshold": ["yes"]}]}, FIRST)
