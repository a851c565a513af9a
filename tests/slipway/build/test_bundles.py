"""What a job's code takes along of a pipeline's features.py."""

import shutil
from pathlib import Path

import pytest

from slipway.build import bundles

ROOT = Path(__file__).resolve().parents[3]
FEATURES = "from .words import LOW\nfrom pipelines.shared import scale\n\ndef features(rows):\n    return rows\n"


@pytest.fixture
def root(tmp_path):
    shutil.copytree(ROOT / "pipelines", tmp_path / "pipelines", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def with_features(root):
    (root / "pipelines/churn/features.py").write_text(FEATURES)
    (root / "pipelines/churn/words.py").write_text("from . import more\nLOW = 1\n")
    (root / "pipelines/churn/more.py").write_text("from ..shared.scale import x\n")
    (root / "pipelines/shared").mkdir()
    (root / "pipelines/shared/__init__.py").write_text("")
    (root / "pipelines/shared/scale.py").write_text("x = 1\n")
    return root


OWN = {
    "features.py",
    "pipelines/__init__.py",
    "pipelines/churn/__init__.py",
    "pipelines/churn/features.py",
    "pipelines/churn/more.py",
    "pipelines/churn/words.py",
    "pipelines/shared/__init__.py",
    "pipelines/shared/scale.py",
}


def test_prepare_and_the_model_take_it_and_what_it_imports(root):
    before = bundles.processing(root / "pipelines/churn", "prepare", {}), bundles.serving_code(root / "pipelines/churn")
    with_features(root)
    after = bundles.processing(root / "pipelines/churn", "prepare", {}), bundles.serving_code(root / "pipelines/churn")
    for plain, made in zip(before, after, strict=True):
        assert set(made.files) - set(plain.files) == OWN
        assert made.files["pipelines/churn/features.py"] == FEATURES.encode()
    trained = bundles.training(root / "pipelines/churn").files
    assert {name for name in trained if "/churn/" in name} == {f"serving_code/{n}" for n in OWN if "/churn/" in n}


def test_evaluate_runs_those_that_are_in_the_models(root):
    before = bundles.processing(root / "pipelines/churn", "evaluate", {}).digest
    assert bundles.processing(with_features(root) / "pipelines/churn", "evaluate", {}).digest == before


def test_a_pipeline_without_it_takes_nothing(root):
    with_features(root)
    assert not [name for name in bundles.serving_code(root / "pipelines/abalone").files if "features.py" in name]


def test_what_is_bundled_runs(root, tmp_path):
    from slipway.tabular import feature_code

    bundles.serving_code(with_features(root) / "pipelines/churn").write(tmp_path / "code")
    function = feature_code.load(tmp_path / "code")
    assert (function("as it is"), function.place) == ("as it is", "pipelines/churn/features.py:4")
