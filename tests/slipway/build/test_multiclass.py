"""One of several classes all the way: Prepare, Train and Evaluate on scikit-learn's wines, then served."""

import csv
import io
import json

import numpy as np
import pytest
from sklearn import metrics as sk

from slipway.analysis import multiclass as aws
from slipway.tabular import multiclass, scoring
from slipway.tabular.job import JobError
from slipway.tabular.kinds import METRICS, MULTICLASS
from slipway.tabular.scripts import inference
from slipway.tabular.serving import Model
from slipway.tabular.target import Target

from .made import WINES, pipeline, wine_settings, wines


@pytest.fixture(scope="module")
def wine(tmp_path_factory):
    made = pipeline(tmp_path_factory.mktemp("wine"), "wine", wine_settings(), wines())
    made.prepare()
    made.train()
    return made


@pytest.fixture(scope="module")
def report(wine):
    return wine.evaluate()


@pytest.fixture(scope="module")
def golden(wine, report):
    return json.loads((wine.work / "evaluation/golden.json").read_text())


def test_the_evaluation_is_that_of_scikit_learn(wine, report):
    model = Model.load(wine.model)
    scored = scoring.score(model, wine.out / "test", "grower")
    said, truth = scored.scores.argmax(axis=1), scored.labels.astype(int)
    found = report["multiclass_classification_metrics"]
    assert found["accuracy"]["value"] > 0.85
    assert found["macro_f1"]["value"] == pytest.approx(sk.f1_score(truth, said, average="macro"), abs=1e-6)
    assert found["log_loss"]["value"] == pytest.approx(sk.log_loss(truth, scored.scores), abs=1e-5)
    recalls = sk.recall_score(truth, said, average=None)
    assert [found["per_class"][name]["recall"]["value"] for name in WINES] == pytest.approx(recalls, abs=1e-6)
    assert found["lowest_recall"]["value"] == pytest.approx(recalls.min(), abs=1e-6)
    counted = [[found["confusion_matrix"][a][b] for b in WINES] for a in WINES]
    assert counted == sk.confusion_matrix(truth, said).tolist()
    assert set(METRICS[MULTICLASS]) <= set(found)
    pictures = {path.name for path in (wine.work / "evaluation").glob("*.png")}
    assert pictures == {"confusion_matrix.png", "classes.png", "feature_importance.png"}


def test_weighted_figures_are_those_of_the_monitor():
    chance = np.random.default_rng(3)
    truth, scores = chance.integers(0, 4, 500), chance.random((500, 4))
    found = multiclass.figures(truth, scores)
    expected = aws.metrics(aws.Classes(tuple("abcd"), truth, scores.argmax(axis=1)))
    for name in ("accuracy", "weighted_recall", "weighted_precision", "weighted_f0_5", "weighted_f1", "weighted_f2"):
        assert found[name] == pytest.approx(expected[name], abs=1e-6), name


@pytest.mark.parametrize("metric", METRICS[MULTICLASS])
def test_a_judge_of_rows_that_count_once_gives_the_plain_figure(metric):
    chance = np.random.default_rng(5)
    truth, scores = chance.integers(0, 3, 300), chance.dirichlet([1, 1, 1], 300)
    assert multiclass.judge(metric, truth, scores)(np.ones(300)) == pytest.approx(
        multiclass.figures(truth, scores)[metric], abs=1e-6
    )


def test_csv_and_json_say_the_class_and_all_probabilities(wine, golden):
    assert golden["classes"] == [*WINES]
    model = inference.model_fn(str(wine.model))
    lines = "\n".join(row["csv"] for row in golden["rows"])
    text, kind = inference.transform_fn(model, lines, "text/csv", "text/csv")
    assert kind == "text/csv"
    as_csv = [(row[0], [float(cell) for cell in row[1:]]) for row in csv.reader(io.StringIO(text))]
    instances = json.dumps([row["instance"] for row in golden["rows"]])
    document = json.loads(inference.transform_fn(model, instances, "application/json", "application/json")[0])
    assert document["labels"] == [*WINES]
    assert as_csv == [(row["predicted_label"], row["probabilities"]) for row in document["predictions"]]
    assert [chances for _, chances in as_csv] == [row["prediction"] for row in golden["rows"]]
    for name, chances in as_csv:
        assert sum(chances) == pytest.approx(1, abs=1e-5)
        assert WINES[int(np.argmax(chances))] == name
    right = sum(row["label"] == name for row, (name, _) in zip(golden["rows"], as_csv, strict=True))
    assert right / len(as_csv) > 0.85


def test_classes_keep_their_spelling_and_order(wine):
    assert Target.load(wine.model).classes == WINES


def test_the_baseline_of_model_quality_is_that_of_several_classes(wine, report):
    del report
    rules = json.loads((wine.work / "evaluation/model_quality_constraints.json").read_text())
    assert "weighted_f1" in rules["multiclass_classification_constraints"]
    found = json.loads((wine.work / "evaluation/model_quality_statistics.json").read_text())
    assert found["multiclass_classification_metrics"]["accuracy"]["value"] > 0.85


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("Barolo, red", "grignolino", "4"), r"'4'.*expected one of Barolo, red, grignolino, 3"),
        (("Barolo, red", "grignolino", "grignolino"), r"no row of train has the label '3'"),
        (("Barolo, red", "Grignolino", "3"), r"'Grignolino'.*expected one of"),
    ],
    ids=["a class that is not listed", "a class without rows", "another case is another class"],
)
def test_labels_that_are_no_class_are_refused(tmp_path, names, message):
    made = pipeline(tmp_path, "wine", wine_settings(), wines(names))
    with pytest.raises(JobError, match=message):
        made.prepare()


def test_numbers_as_classes_are_read_in_each_spelling(tmp_path):
    settings = wine_settings()
    settings["data"]["label"] = {"classes": [0, 1, 2]}
    made = pipeline(tmp_path, "wine", settings, wines(("0.0", "1", " 2")))
    made.prepare()
    assert Target.load(made.out / "encoder").classes == ("0", "1", "2")
