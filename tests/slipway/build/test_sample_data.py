"""Made-up data: seeded, the columns of the real files, an honest signal, a drift; and bounded memory."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb

from slipway.build import sample_data
from slipway.tabular import classification
from tests.slipway.conftest import ROOT
from tests.tables import table


def read(tmp_path, kind, rows=1000, seed=1, drift=0.0):
    path = tmp_path / f"{kind}-{rows}-{seed}-{drift}.csv"
    sample_data.write(kind, rows, seed, drift, path)
    return path


@pytest.mark.parametrize("kind", ["churn", "abalone"])
def test_same_seed_same_bytes_and_longer_files_start_alike(tmp_path, kind):
    one = read(tmp_path, kind).read_bytes()
    assert read(tmp_path / "again", kind).read_bytes() == one
    assert read(tmp_path, kind, seed=2).read_bytes() != one
    assert read(tmp_path, kind, rows=3000).read_bytes().startswith(one)


@pytest.mark.parametrize(("kind", "header"), [("churn", 0), ("abalone", None)])
def test_columns_are_those_of_the_real_file(tmp_path, kind, header):
    made = pd.read_csv(read(tmp_path, kind), header=header)
    real = pd.read_csv(table(kind), header=header)
    assert list(made.columns) == list(real.columns)
    assert len(made) == 1000
    for name in real.columns:
        assert pd.api.types.is_numeric_dtype(made[name]) == pd.api.types.is_numeric_dtype(real[name]), name


def test_the_signal_of_churn_is_strong_and_not_perfect(tmp_path):
    frame = pd.read_csv(read(tmp_path, "churn", 12_000)).drop(columns=["State", "Phone"])
    frame = frame.apply(lambda column: column.isin(["yes", "True."]) if column.dtype == object else column).astype(
        float
    )
    x, y = frame.drop(columns="Churn?").to_numpy(), frame["Churn?"].to_numpy()
    model = xgb.train({"objective": "binary:logistic", "nthread": 1}, xgb.DMatrix(x[:8000], y[:8000]), 60)
    auc = classification.figures(y[8000:], model.predict(xgb.DMatrix(x[8000:])))["auc"]
    assert 0.9 < auc < 0.98


def test_drift_moves_what_it_should(tmp_path):
    still, moved = (pd.read_csv(read(tmp_path, "churn", 5000, drift=d)) for d in (0, 1))
    assert moved["Day Mins"].mean() - still["Day Mins"].mean() == pytest.approx(2, abs=0.2)
    assert (moved["Int'l Plan"] == "yes").mean() > (still["Int'l Plan"] == "yes").mean() + 0.2
    assert np.isclose(moved["Account Length"].mean(), still["Account Length"].mean(), atol=3)


MEASURE = """
import resource, sys, yaml
from pathlib import Path
from slipway.tabular.scripts import prepare
prepare.main(Path(sys.argv[1]), Path(sys.argv[2]), yaml.safe_load(open("pipelines/churn/config.yml")))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_prepare_needs_no_more_memory_for_more_rows(tmp_path):
    peaks = []
    for rows in (200_000, 1_000_000):
        folder = tmp_path / str(rows)
        sample_data.write("churn", rows, 1, 0, folder / "in" / "d.csv")
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, str(folder / "in"), str(folder / "out")],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "MALLOC_ARENA_MAX": "2"},
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(int(done.stdout.split()[-1]))
        shutil.rmtree(folder)
    assert peaks[1] - peaks[0] < 60, peaks  # MB, for 75 MB more of input


def test_command_line(tmp_path, capsys):
    assert sample_data.main(["abalone", "--rows", "5", "--out", str(tmp_path / "a.csv")]) == 0
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 5
    with pytest.raises(SystemExit) as raised:
        sample_data.main(["abalone", "--rows", "0", "--out", "x"])
    assert raised.value.code == 2
    assert "--rows must be at least 1" in capsys.readouterr().err
