"""A model.py is explained by asking it: each kind of problem, from its table to the hour that a monitor looks at."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from slipway.analysis.attributions import LABEL
from slipway.build import config
from slipway.build.project import UsageError
from slipway.monitoring import explanations
from slipway.monitoring.settings import Folders as MonitorFolders
from slipway.tabular import explaining, scoring
from slipway.tabular.baselines import Lifecycle
from slipway.tabular.checking import Folders, raw_rows
from slipway.tabular.job import JobError
from slipway.tabular.scripts import explain
from tests.slipway.tabular.test_baselines import unreachable

from .made import WINES, pipeline
from .test_own_checks import Earlier
from .test_own_model import KINDS

FIRST = Lifecycle(skip_check=True, register_new=True, group="g")
CHECKED = Lifecycle(skip_check=False, register_new=False, group="g")
ROWS, SAMPLES = 12, 60
EXPLAIN = {"explainability": {"rows": ROWS, "num_samples": SAMPLES, "agg_method": "mean_abs"}}


@pytest.fixture(scope="module", params=KINDS)
def version(request, tmp_path_factory):
    settings, table, code = KINDS[request.param]
    made = pipeline(tmp_path_factory.mktemp("asked"), "wine", settings | EXPLAIN, table, {"model.py": code})
    made.prepare()
    made.train()
    made.evaluate()
    return made


@pytest.fixture(scope="module")
def folders(version):
    work = version.work
    return Folders(work / "archive", version.out / "checked", work / "calculated", work / "baseline")


@pytest.fixture(scope="module")
def registered(folders):
    return explain.main(folders, EXPLAIN, FIRST, unreachable)


@pytest.fixture(scope="module")
def model(version):
    return scoring.unpack(version.work / "archive" / "model.tar.gz", version.work / "unpacked").model


@pytest.fixture(scope="module")
def rows(model, folders):
    return model.parse(raw_rows(folders.rows / "explained.csv"), "text/csv")


def scores(model, frame):
    """Rows x scores."""
    found = np.asarray(model.predict(frame.reset_index(drop=True)), dtype=float)
    return found if found.ndim > 1 else found[:, None]


def test_contributions_add_up_to_the_answer(model, rows, registered):
    explainer = explaining.as_registered(model, registered)
    values = explainer.contributions(rows)
    answers = scores(model, rows)
    assert values.shape == (ROWS, answers.shape[1], len(model.encoder.features) + 1)
    assert values.sum(axis=2) == pytest.approx(answers, abs=1e-9)


def test_the_document_has_the_figures_of_each_class_and_says_how_it_came_about(model, rows, registered):
    found = registered["explanations"]
    classes = model.target.classes
    assert list(found["kernel_shap"]) == list(classes or (LABEL,))
    assert ("over_classes" in found) == bool(classes)
    values = explaining.as_registered(model, registered).contributions(rows)
    for place, said in enumerate(found["kernel_shap"].values()):
        expected = dict(zip(model.encoder.features, np.abs(values[:, place, :-1]).mean(axis=0), strict=True))
        assert said["global_shap_values"] == pytest.approx(expected)
    assert found["method"] == "Kernel SHAP against one usual row, in the unit of the answer"
    asked = found["asked"]
    assert (asked["rows"], asked["num_samples"]) == (ROWS, SAMPLES)
    for name, value in asked["usual_row"].items():
        if name in model.encoder.categories:
            assert value == min(rows[name].dropna().mode())
        else:
            assert value == pytest.approx(rows[name].mean())


def test_what_is_a_sum_of_features_is_told_exactly(version, model, rows, registered):
    if version.config.kind != "regression":
        pytest.skip("a probability is no sum")
    usual = pd.DataFrame([registered["explanations"]["asked"]["usual_row"]])
    values = explaining.as_registered(model, registered).contributions(rows)[:, 0, :-1]
    for place, name in enumerate(model.encoder.features):
        one = pd.concat([usual] * len(rows), ignore_index=True)
        one[name] = rows[name].to_numpy()
        assert values[:, place] == pytest.approx((scores(model, one) - scores(model, usual))[:, 0], abs=1e-6)


def test_agrees_with_the_shap_package_where_every_coalition_is_asked_about(version, model, rows):
    oracle = pytest.importorskip("shap")
    if model.encoder.categories:
        pytest.skip("the package takes numbers")
    names, few = model.encoder.features, rows.head(2)
    explainer = explaining.of_rows(model, rows, ROWS, 2 ** len(names))
    usual = np.array([[explainer.facts["asked"]["usual_row"][name] for name in names]])
    asked = oracle.KernelExplainer(lambda matrix: scores(model, pd.DataFrame(matrix, columns=names)), usual)
    theirs = np.asarray(asked.shap_values(few.to_numpy(), nsamples=2 ** len(names), l1_reg=False, silent=True))
    assert explainer.contributions(few)[:, :, :-1] == pytest.approx(theirs.transpose(0, 2, 1), abs=1e-6)


def test_another_method_s_baseline_is_not_compared(folders, registered):
    assert explain.main(folders, EXPLAIN, CHECKED, Earlier("Explainability", {"Constraints": registered})) == registered
    for method in ({"method": explaining.TREES}, {"method": None}):
        other = registered | {"explanations": registered["explanations"] | method}
        with pytest.raises(JobError, match=r"the explanations are Kernel SHAP .*pass SkipExplainabilityCheck=true"):
            explain.main(folders, EXPLAIN, CHECKED, Earlier("Explainability", {"Constraints": other}))


def test_too_few_questions_for_the_features_are_refused(model, rows):
    with pytest.raises(JobError, match=r"num_samples is 20; 1\d features need at least 2\d"):
        explaining.of_rows(model, rows, ROWS, 20)


@pytest.fixture
def hour(version, registered, tmp_path):
    """(the folders of a monitor's job, where captured requests go)."""
    places = MonitorFolders(tmp_path)
    for folder in (places.config, places.analysis, places.model):
        folder.mkdir(parents=True)
    shap = {"engine": "slipway", "methods": {"shap": {"agg_method": "mean_abs"}}}
    (places.config / "analysis_config.json").write_text(json.dumps(shap))
    (places.analysis / "analysis.json").write_text(json.dumps(registered))
    shutil.copy(version.work / "archive" / "model.tar.gz", places.model)
    (tmp_path / "captured").mkdir()
    return places, tmp_path / "captured"


def capture(folder, *requests):
    records = [
        {"captureData": {"endpointInput": {"observedContentType": "text/csv", "data": text, "encoding": "CSV"}}}
        for text in requests
    ]
    (folder / "a.jsonl").write_text("\n".join(map(json.dumps, records)))


def test_an_hour_of_the_same_rows_is_explained_alike(hour, folders, registered):
    places, captured = hour
    capture(captured, *raw_rows(folders.rows / "explained.csv").splitlines())
    found = explanations.judge(places, captured)
    assert found.written["analysis.json"] == registered
    assert (found.violations, found.rows, found.note) == ([], ROWS, "")


def test_of_an_hour_of_many_requests_some_are_explained_and_it_is_said(hour, folders):
    places, captured = hour
    lines = raw_rows(folders.rows / "explained.csv").splitlines()
    capture(captured, *["\n".join(lines), *lines * 3, "oops"])
    found = explanations.judge(places, captured)
    assert found.rows == ROWS
    assert found.note.startswith(f"{ROWS} rows of {ROWS} among {3 * ROWS + 2} captured requests were explained.")


def test_an_analysis_that_does_not_say_how_it_was_asked_is_refused(hour, folders):
    places, captured = hour
    capture(captured, *raw_rows(folders.rows / "explained.csv").splitlines())
    path = places.analysis / "analysis.json"
    document = json.loads(path.read_text())
    del document["explanations"]["asked"]
    path.write_text(json.dumps(document))
    with pytest.raises(explanations.BadInput, match=r"does not say how a model\.py was asked"):
        explanations.judge(places, captured)


def test_config_yml_may_ask_for_it_and_is_told_of_too_few_questions(tmp_path):
    settings, table, code = KINDS["multiclass"]
    made = pipeline(tmp_path, "wine", settings | {"explainability": {}}, table, {"model.py": code})
    assert made.config.explainability.num_samples == 200
    path = made.folder / "config.yml"
    path.write_text(path.read_text().replace("explainability: {}", "explainability:\n  num_samples: 20"))
    with pytest.raises(UsageError, match=r"explainability\.num_samples: 13 features need at least 26"):
        config.load(path)
    assert WINES[2] in path.read_text()
