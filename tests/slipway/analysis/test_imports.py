"""What the package needs where it runs: a folder with its files alone, and what the XGBoost image has."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import slipway.analysis

FOLDER = Path(slipway.analysis.__file__).parent
IMPORT = """
import importlib, json, pkgutil, sys
import slipway.analysis
for found in pkgutil.walk_packages(slipway.analysis.__path__, "slipway.analysis."):
    importlib.import_module(found.name)
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""
NOT_THERE = {"loopback", "boto3", "botocore", "sagemaker", "pipelines", "deploy", "rich", "typer", "pydantic"}


def test_every_module_can_be_imported_from_a_copy_without_the_rest(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "slipway" / "analysis", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(FOLDER.parent / "__init__.py", tmp_path / "slipway")
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded = set(eval(done.stdout))
    assert not loaded & NOT_THERE
    assert {"numpy", "pyarrow"} <= loaded
