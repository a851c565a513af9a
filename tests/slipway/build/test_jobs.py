"""Prepare, Train and Evaluate on the real files, as functions and as a failing process."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xgboost

from slipway.build import bundles
from slipway.tabular import parts
from slipway.tabular.encoder import Encoder
from tests.slipway.conftest import ROOT, config_of
from tests.tables import only_real


@only_real
def test_churn_is_as_good_as_a_plain_xgboost(churn):
    report = churn.script("evaluate").main(churn.folders, churn.config)
    metrics = report["binary_classification_metrics"]
    assert metrics["auc"]["value"] > 0.975
    assert metrics["auc"]["low"] < metrics["auc"]["value"] < metrics["auc"]["high"]
    assert set(report["slices"]["intl_plan"]) == {"no", "yes"}
    assert sum(s["rows"] for s in report["slices"]["intl_plan"].values()) == report["rows"]
    assert report["champion"]["worse_by"]["value"] == 0
    pictures = {path.name for path in churn.folders.output.glob("*.png")}
    assert pictures == {
        f"{n}.png" for n in ("roc", "precision_recall", "calibration", "confusion_matrix", "feature_importance")
    }


@only_real
def test_abalone_is_as_good_as_a_plain_xgboost(abalone):
    report = abalone.script("evaluate").main(abalone.folders, abalone.config)
    assert 1.9 < report["regression_metrics"]["rmse"]["value"] < 2.3
    pictures = {path.name for path in abalone.folders.output.glob("*.png")}
    assert pictures == {"predicted_actual.png", "residuals.png", "feature_importance.png"}


def test_evaluation_json_is_what_main_returns(churn):
    report = churn.script("evaluate").main(churn.folders, churn.config)
    assert json.loads((churn.folders.output / "evaluation.json").read_text()) == report


@only_real
def test_prepare_splits_every_row_and_shares_come_out_by_the_hash(churn):
    encoder = Encoder.load(churn.folder / "out" / "encoder")
    rows, shares = {}, {}
    for part in ("train", "validation", "test"):
        x, y = parts.matrix(churn.folder / "out" / part, encoder, "churn")
        rows[part], shares[part] = len(x), y.mean()
    assert sum(rows.values()) == 5000
    assert rows["train"] == pytest.approx(3500, abs=4 * (5000 * 0.7 * 0.3) ** 0.5)
    assert np.ptp(list(shares.values())) < 0.07  # 4 standard deviations of a share of 750 rows


def test_prepare_is_deterministic(churn, tmp_path):
    churn.script("prepare").main(churn.folder / "in", tmp_path, churn.config)
    for path in sorted(tmp_path.rglob("*.*")):
        assert path.read_bytes() == (churn.folder / "out" / path.relative_to(tmp_path)).read_bytes(), path


@only_real
def test_rows_for_the_checks_are_features_as_the_endpoint_sees_them_and_the_label(churn, tmp_path):
    asked = {"bias": {"facets": {"intl_plan": ["yes"]}}, "explainability": {"rows": 120}}
    churn.script("prepare").main(churn.folder / "in", tmp_path, churn.config | asked)
    golden = json.loads((tmp_path / "golden" / "golden.json").read_text())["rows"]
    kept = {part: parts.pq.read_table(tmp_path / part).num_rows for part in ("train", "test")}
    found = {path.stem: list(csv.reader(path.read_text().splitlines())) for path in (tmp_path / "checked").iterdir()}
    assert {name: len(rows) for name, rows in found.items()} == {**kept, "explained": 120}
    assert found["test"][:120] == found["explained"]
    assert {row[-1] for row in found["test"]} == {"0", "1"}
    assert {row[3] for row in found["test"]} == {"yes", "no"}
    first = next(csv.reader([golden[0]["csv"]]))
    assert [_same(cell) for cell in found["test"][0]] == [_same(cell) for cell in (*first, golden[0]["label"])]
    assert not (churn.folder / "out" / "checked").exists()


def _same(cell):
    """A number whatever its spelling."""
    try:
        return float(cell)
    except ValueError:
        return cell


def test_the_phone_number_reaches_nothing_but_the_raw_file(churn):
    out = churn.folder / "out"
    assert "phone" not in (out / "baseline" / "baseline.csv").read_text().splitlines()[0]
    assert "phone" not in parts.pq.read_schema(out / "train" / "part-0000.parquet").names
    assert b"403-2562" not in b"".join(path.read_bytes() for path in out.rglob("*.*"))


def test_rows_that_were_not_measured_are_dropped(abalone):
    x, _ = parts.matrix(abalone.folder / "out" / "train", Encoder.load(abalone.folder / "out" / "encoder"), "rings")
    assert x[:, 3].min() > 0


def test_golden_answers_are_the_answers_of_the_endpoint(churn):
    churn.script("evaluate").main(churn.folders, churn.config)
    golden = json.loads((churn.folders.output / "golden.json").read_text())
    inference = churn.script("inference")
    model = inference.model_fn(str(churn.folder / "model"))
    body = "\n".join(row["csv"] for row in golden["rows"])
    answer, kind = inference.transform_fn(model, body, "text/csv", "text/csv")
    assert kind == "text/csv"
    assert [float(line) for line in answer.splitlines()] == pytest.approx([row["prediction"] for row in golden["rows"]])
    assert {row["label"] for row in golden["rows"]} == {0.0, 1.0}


def test_the_packaged_code_serves_without_the_repository(churn):
    script = (
        "import sys, inference, slipway; assert slipway.__file__.startswith(sys.argv[1]);"
        "model = inference.model_fn(sys.argv[1]);"
        "print(inference.transform_fn(model, sys.argv[2], 'application/json', 'application/json')[0])"
    )
    golden = json.loads((churn.folder / "out" / "golden" / "golden.json").read_text())["rows"][:2]
    body = json.dumps({"instances": [row["instance"] for row in golden]})
    done = subprocess.run(
        [sys.executable, "-c", script, str(churn.folder / "model"), body],
        capture_output=True,
        text=True,
        cwd=churn.folder / "model" / "code",
        env={"PATH": os.environ["PATH"]},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["predictions"]) == 2


def test_a_job_that_fails_says_why_and_nothing_else(tmp_path):
    code = tmp_path / "processing" / "input" / "code"
    bundles.processing(ROOT / "pipelines/churn", "prepare", config_of("churn")).write(code)
    (tmp_path / "processing" / "input" / "data").mkdir()
    done = subprocess.run(
        [sys.executable, str(code / "prepare.py")],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "SAGEMAKER_BASE_DIR": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 1
    assert "No CSV file" in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "output" / "message").read_text() == done.stderr.strip()


def test_training_logs_what_the_metric_definitions_look_for(churn, tmp_path, capfd):
    from slipway.tabular.hosts import Hosts

    params = {**churn.params, "num_round": 3}
    churn.script("train").main(
        churn.channels, tmp_path, params, Hosts(("algo-1",), "algo-1"), churn.folder / "serving_code"
    )
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].startswith("[0]\ttrain-logloss:0.")
    assert "\tvalidation-logloss:0." in lines[2]


def test_all_rounds_are_trained_without_early_stopping(churn, tmp_path, capfd):
    from slipway.tabular.hosts import Hosts

    params = {**churn.params, "num_round": 4, "early_stopping_rounds": 0}
    serving = churn.folder / "serving_code"
    churn.script("train").main(churn.channels, tmp_path / "model", params, Hosts(("algo-1",), "algo-1"), serving)
    assert len(capfd.readouterr().out.splitlines()) == 4
    assert xgboost.Booster(model_file=tmp_path / "model" / "xgboost-model").num_boosted_rounds() == 4


def test_a_tracking_uri_without_mlflow_is_explained(churn, tmp_path, monkeypatch):
    from slipway.tabular.hosts import Hosts
    from slipway.tabular.job import JobError

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(JobError, match="mlflow is not in this image"):
        churn.script("train").main(churn.channels, tmp_path, churn.params, Hosts(("a",), "a"), Path("x"))


def test_mlflow_gets_parameters_and_the_best_score(churn, tmp_path, monkeypatch):
    import sqlite3

    from slipway.tabular.hosts import Hosts

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    params = {**churn.params, "num_round": 3}
    serving = churn.folder / "serving_code"
    churn.script("train").main(churn.channels, tmp_path / "model", params, Hosts(("a",), "a"), serving)
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        assert ("num_round", "3") in database.execute("select key, value from params").fetchall()
        assert {"best_round", "best_score"} <= {key for (key,) in database.execute("select key from metrics")}
