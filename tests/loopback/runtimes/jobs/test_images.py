"""Which runtime stands for an image."""

import json
import sys
from dataclasses import replace

import pytest

from loopback.images.xgboost.version import xgboost_version
from loopback.runtimes.jobs.images import (
    ANALYZER,
    CLARIFY,
    HOST,
    SKLEARN,
    XGBOOST,
    Images,
    Runtime,
    UnknownImage,
)
from tests.loopback.runtimes.jobs.conftest import Bench

ECR = "123.dkr.ecr.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("image", "runtime"),
    [
        (f"{ECR}/sagemaker-xgboost:3.2-0", XGBOOST),
        (f"{ECR}/xgboost:latest", XGBOOST),
        (f"{ECR}/xgboost:1", XGBOOST),
        (f"{ECR}/sagemaker-scikit-learn:1.4-2-cpu-py3", SKLEARN),
        (f"{ECR}/sagemaker-model-monitor-analyzer", ANALYZER),
        (f"{ECR}/sagemaker-clarify-processing:1.0", CLARIFY),
        (f"{ECR}/mine:1", Runtime("*/mine:*", interpreter="/opt/python")),
        (f"{ECR}/other:1", HOST),
    ],
)
def test_the_table(image: str, runtime: Runtime) -> None:
    assert Images({"*/mine:*": "/opt/python", "*/other:*": "host"}).runtime(image) == runtime


@pytest.mark.parametrize(
    ("tag", "version"),
    [("sagemaker-xgboost:1.0-1-cpu-py3", (1, 0)), ("sagemaker-xgboost:3.2-0", (3, 2)), ("xgboost:1", (0, 72))],
)
def test_the_version_of_xgboost(tag: str, version: tuple[int, int]) -> None:
    assert xgboost_version(f"{ECR}/{tag}") == version


def test_known_but_not_run() -> None:
    image = f"{ECR}/sagemaker-spark-processing:1"
    with pytest.raises(UnknownImage, match=r"(?i)spark.*not available"):
        Images().runtime(image)
    assert Images({"*spark*": "host"}).runtime(image) == HOST


def test_a_mapped_interpreter_runs_the_job(bench: Bench) -> None:
    bench.ports = replace(bench.ports, images=Images({"*/mine:*": sys.executable}))
    code = "import os, sys; print('xgboost' in sys.modules, sys.executable); print(os.listdir('/opt/ml'))"
    outcome = bench.process("python3", "-c", code, image=f"{ECR}/mine:1")
    assert outcome.status == "Completed", bench.logs.text()
    assert bench.logs.text().startswith(f"False {sys.executable}\n")


def test_an_interpreter_that_is_not_there_is_named(bench: Bench) -> None:
    bench.ports = replace(bench.ports, images=Images({"*/mine:*": "/nowhere/python3"}))
    outcome = bench.process("python3", "-c", "pass", image=f"{ECR}/mine:1")
    assert "/nowhere/python3" in str(outcome.failure_reason)


def test_the_analyzer_runs_our_monitor_and_its_message_comes_back(bench: Bench) -> None:
    bench.s3.put("d/a.csv", "a,b\n1,2\n3,4\n")
    environment = {
        "dataset_format": '{"csv": {"header": true, "output_columns_position": "START"}}',
        "dataset_source": "/opt/ml/processing/data",
        "output_path": "/opt/ml/processing/out",
        "publish_cloudwatch_metrics": "Disabled",
    }
    outcome = bench.process(
        image=f"{ECR}/sagemaker-model-monitor-analyzer",
        inputs=[("data", "s3://b/d/")],
        outputs=[("out", "s3://b/o")],
        Environment=environment,
    )
    assert outcome.status == "Completed", (outcome, bench.logs.text())
    assert outcome.exit_message
    assert {"o/constraints.json", "o/statistics.json"} <= set(bench.s3.keys("o"))


def test_clarify_runs_its_program_and_its_message_comes_back(bench: Bench) -> None:
    config = {
        "dataset_type": "text/csv",
        "label": "y",
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}],
        "methods": {"pre_training_bias": {"methods": ["CI", "DPL"]}},
    }
    bench.s3.put("c/analysis_config.json", json.dumps(config))
    bench.s3.put("d/a.csv", "sex,y\nm,1\nf,0\nm,1\nm,0\n")
    outcome = bench.process(
        image=f"{ECR}/sagemaker-clarify-processing:1.0",
        inputs=[
            ("analysis_config", "s3://b/c/", {"LocalPath": "/opt/ml/processing/input/config"}),
            ("dataset", "s3://b/d/", {"LocalPath": "/opt/ml/processing/input/data"}),
        ],
        outputs=[("analysis_result", "s3://b/o", {"LocalPath": "/opt/ml/processing/output"})],
    )
    assert outcome.status == "Completed", (outcome, bench.logs.text())
    assert outcome.exit_message == "Completed: Job completed successfully with no violations."
    assert bench.s3.keys("o") == ["o/analysis.json"]
