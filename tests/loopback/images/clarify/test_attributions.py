"""Kernel SHAP through an endpoint: it adds up, it agrees with exact TreeSHAP, it is the same each time."""

import csv
import io
import json

import numpy as np
import pytest
import xgboost as xgb

from tests.loopback.images.clarify.conftest import PREDICTOR

NAMES = ["plan", "minutes", "calls", "age", "idle"]
PLANS = {"basic": 0.0, "plus": 1.0, "pro": 2.0}
CONFIG = {
    "dataset_type": "text/csv",
    "headers": NAMES,
    "methods": {"shap": {"num_samples": 30, "num_clusters": 1, "seed": 1}},
    "predictor": PREDICTOR,
}


def encoded(rows):
    return np.array(
        [[PLANS.get(row[0], np.nan), *(float(cell) if cell else np.nan for cell in row[1:])] for row in rows]
    )


@pytest.fixture(scope="module")
def trees():
    """(rows as text, a model of them): minutes count most, then the plan, then calls; idle is idle."""
    chance = np.random.default_rng(5)
    rows = [
        [
            chance.choice(list(PLANS)),
            f"{chance.normal(50, 10):.1f}",
            str(chance.integers(0, 9)),
            str(chance.integers(18, 80)),
            "1",
        ]
        for _ in range(400)
    ]
    x = encoded(rows)
    y = 0.6 * x[:, 1] + 3 * x[:, 0] + 0.2 * x[:, 2]
    return rows, xgb.train({"max_depth": 3, "nthread": 1}, xgb.DMatrix(x, y), 60)


@pytest.fixture
def explained(job, trees):
    rows, booster = trees
    job.data(*rows[:40])
    job.aws.answer = lambda lines: booster.predict(xgb.DMatrix(encoded(lines)))
    return job


def changed(**shap):
    return CONFIG | {"methods": {"shap": CONFIG["methods"]["shap"] | shap}}


def test_local_values_add_up_to_the_score(explained, trees):
    found = explained.run(changed(save_local_shap_values=True))["explanations"]["kernel_shap"]["label0"]
    table = list(csv.reader(io.StringIO(explained.read("explanations_shap/out.csv"))))
    assert table[0] == [f"{name}_label0" for name in NAMES]
    local = np.array(table[1:], dtype=float)
    rows, booster = trees
    scores = booster.predict(xgb.DMatrix(encoded(rows[:40])))
    assert local.sum(axis=1) + found["expected_value"] == pytest.approx(scores, abs=1e-4)
    assert found["global_shap_values"] == pytest.approx(dict(zip(NAMES, np.abs(local).mean(axis=0), strict=True)))
    baseline = explained.read("explanations_shap/baseline.csv").strip().split(",")
    assert booster.predict(xgb.DMatrix(encoded([baseline])))[0] == pytest.approx(found["expected_value"], abs=1e-4)


def test_the_ranking_is_that_of_exact_treeshap(explained, trees):
    found = explained.run(CONFIG)["explanations"]["kernel_shap"]["label0"]["global_shap_values"]
    rows, booster = trees
    exact = np.abs(booster.predict(xgb.DMatrix(encoded(rows[:40])), pred_contribs=True)[:, :-1]).mean(axis=0)
    ranked = sorted(found, key=lambda name: -found[name])
    assert ranked[:3] == [NAMES[index] for index in np.argsort(-exact)[:3]] == ["minutes", "plan", "calls"]
    assert found["idle"] == 0.0


def test_equal_input_gives_equal_documents(explained):
    first = json.dumps(explained.run(CONFIG))
    assert json.dumps(explained.run(CONFIG)) == first
    few = changed(num_samples=12)
    assert explained.run(few) == explained.run(few)


@pytest.mark.parametrize(
    ("method", "formula"),
    [("median", lambda v: np.median(v, axis=0)), ("mean_sq", lambda v: (v**2).mean(axis=0))],
)
def test_how_values_become_one(explained, method, formula):
    found = explained.run(changed(agg_method=method, save_local_shap_values=True))["explanations"]["kernel_shap"]
    local = np.array(list(csv.reader(io.StringIO(explained.read("explanations_shap/out.csv"))))[1:], dtype=float)
    assert list(found["label0"]["global_shap_values"].values()) == pytest.approx(formula(local))


def test_probabilities_in_log_odds(job):
    job.data(*((x / 10, 1) for x in range(-20, 20)))
    job.aws.answer = lambda lines: [1 / (1 + np.exp(-2 * float(a))) for a, _ in lines]
    config = CONFIG | {"headers": ["a", "b"], "methods": {"shap": {"use_logit": True, "baseline": [[0, 1]]}}}
    found = job.run(config)["explanations"]["kernel_shap"]["label0"]
    assert found["global_shap_values"]["a"] == pytest.approx(np.abs(np.arange(-20, 20) / 5).mean(), rel=1e-3)
    assert found["expected_value"] == pytest.approx(0.0, abs=1e-6)
    assert not job.exists("explanations_shap/baseline.csv")


def test_every_score_is_explained_under_its_name(job):
    job.data(*((x, y) for x in range(5) for y in range(5)))
    job.aws.answer = lambda lines: [f'cat,"[{a}, {b}]"' for a, b in lines]
    predictor = PREDICTOR | {"probability": 1, "label_headers": ["cat", "dog"]}
    config = CONFIG | {"headers": ["a", "b"], "predictor": predictor, "methods": {"shap": {"baseline": [[0, 0]]}}}
    found = job.run(config)["explanations"]["kernel_shap"]
    assert found["cat"]["global_shap_values"] == pytest.approx({"a": 2.0, "b": 0.0})
    assert found["dog"]["global_shap_values"] == pytest.approx({"a": 0.0, "b": 2.0})


def test_json_lines_with_a_template(job):
    lines = [json.dumps({"in": [n, "x"], "y": n % 2}) for n in range(6)]
    job.put("input/data/a.jsonl", "\n".join(lines))
    job.aws.raw = lambda body: "\n".join(
        json.dumps({"score": json.loads(line)["features"][0] * 2.0}) for line in body.splitlines()
    )
    config = {
        "dataset_type": "application/jsonlines",
        "features": "in",
        "label": "y",
        "headers": ["a", "b", "y"],
        "methods": {"shap": {"baseline": [{"in": [0, "x"]}]}},
        "predictor": PREDICTOR | {"content_template": '{"features":$features}', "label": "score"},
    }
    found = job.run(config)["explanations"]["kernel_shap"]["label0"]["global_shap_values"]
    assert found == pytest.approx({"a": 5.0, "b": 0.0})
    assert job.aws.requests[2]["Body"].decode().splitlines()[3] == '{"features":[3,"x"]}'


def test_partial_dependence_of_the_features_that_count_most(explained, trees):
    config = changed() | {"methods": changed()["methods"] | {"pdp": {"grid_resolution": 5, "top_k_features": 2}}}
    minutes, plan = explained.run(config)["explanations"]["pdp"]
    assert (minutes["feature_name"], minutes["data_type"], len(minutes["feature_values"])) == (
        "minutes",
        "numerical",
        5,
    )
    assert sum(minutes["data_distribution"]) == pytest.approx(1.0)
    assert minutes["model_predictions"][0][0] < minutes["model_predictions"][0][-1]
    assert plan["feature_values"] == ["basic", "plus", "pro"]
    rows, booster = trees
    pro = booster.predict(xgb.DMatrix(encoded([["pro", *row[1:]] for row in rows[:40]]))).mean()
    assert plan["model_predictions"][0][2] == pytest.approx(pro, rel=1e-4)


def test_clusters_are_rows_that_the_data_could_have(explained):
    explained.run(changed(num_clusters=3))
    rows = [line.split(",") for line in explained.read("explanations_shap/baseline.csv").splitlines()]
    assert len(rows) == 3
    assert {row[0] for row in rows} <= set(PLANS)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"baseline": [[1, 2]]}, "methods.shap.baseline has the row [1, 2]; a row has 5 features"),
        ({"baseline": "s3://b/none.csv"}, "s3://b/none.csv holds no object"),
    ],
)
def test_a_baseline_that_is_not_like_the_data(explained, change, told):
    assert told in explained.refuses(changed(**change))


def test_a_baseline_from_s3(explained):
    explained.aws.objects["b/base.csv"] = "pro,50.0,3,40,1\n"
    explained.run(changed(baseline="s3://b/base.csv"))
    assert not explained.exists("explanations_shap/baseline.csv")
