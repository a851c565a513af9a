"""Batch transform jobs, whole."""

import gzip
import io
import tarfile

import numpy as np
import pytest
import xgboost

from loopback.runtimes.jobs.ports import Job
from tests.loopback.runtimes.jobs.conftest import SKLEARN, XGBOOST, Bench

ECHO = "def model_fn(d): return 0\ndef transform_fn(model, data, kind, accept): return data.upper(), accept"


def archive(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as packed:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return target.getvalue()


def transform(image: str = XGBOOST, instances: int = 1, source=(), processing=(), environment=(), **request) -> Job:
    s3 = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/in/"}}
    model = {"Image": image, "ModelDataUrl": "s3://b/model.tar.gz", "Environment": dict(environment)}
    return Job(
        "transform",
        "batch-1",
        "arn:aws:sagemaker:us-east-1:000000000000:transform-job/batch-1",
        {
            "ModelName": "m",
            "TransformInput": {"DataSource": s3, "ContentType": "text/csv", "SplitType": "Line", **dict(source)},
            "TransformOutput": {"S3OutputPath": "s3://b/out", "AssembleWith": "Line"},
            "TransformResources": {"InstanceCount": instances, "InstanceType": "ml.m5.large"},
            "DataProcessing": dict(processing),
            **request,
        },
        model,
    )


def put_booster(bench: Bench) -> xgboost.Booster:
    data = np.random.default_rng(0).normal(size=(99, 2))
    booster = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(data, label=data[:, 0] > 0), 2)
    bench.s3.put("model.tar.gz", archive({"xgboost-model": bytes(booster.save_raw("ubj"))}))
    return booster


def test_predictions_are_joined_to_their_rows(bench: Bench) -> None:
    booster = put_booster(bench)
    bench.s3.put("in/a.csv", "id1,0.5,1\nid2,-2,3\n")
    bench.s3.put("in/deep/b.csv", "id3,1,1")
    outcome = bench.run(
        transform(processing={"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"})
    )
    assert outcome.status == "Completed", (outcome, bench.logs.text())
    one, two, three = booster.predict(xgboost.DMatrix(np.array([[0.5, 1], [-2, 3], [1, 1]]))).tolist()
    assert bench.s3.read("b", "out/a.csv.out").decode() == f"id1,{one}\nid2,{two}\n"
    assert bench.s3.read("b", "out/deep/b.csv.out").decode() == f"id3,{three}\n"


@pytest.mark.parametrize("strategy", ["SingleRecord", "MultiRecord"])
def test_a_sklearn_script_on_several_hosts(bench: Bench, strategy: str) -> None:
    bench.s3.put("model.tar.gz", archive({"code/inference.py": ECHO.encode()}))
    for name in "abc":
        bench.s3.put(f"in/{name}.csv", f"{name}\n{name}{name}\n")
    outcome = bench.run(transform(SKLEARN, instances=2, BatchStrategy=strategy))
    assert outcome.status == "Completed", (outcome, bench.logs.text())
    assert [bench.s3.read("b", f"out/{name}.csv.out") for name in "abc"] == [b"A\nAA\n", b"B\nBB\n", b"C\nCC\n"]


def test_the_models_code_may_be_in_s3(bench: Bench) -> None:
    """As the SDK's framework models have it: the archive of the model has no code."""
    bench.s3.put("model.tar.gz", archive({"weights": b"1"}))
    uri = bench.s3.put("code/sourcedir.tar.gz", archive({"serve.py": ECHO.encode()}))
    bench.s3.put("in/a.csv", "a\nb\n")
    environment = {"SAGEMAKER_PROGRAM": "serve.py", "SAGEMAKER_SUBMIT_DIRECTORY": uri}
    outcome = bench.run(transform(SKLEARN, environment=environment))
    assert outcome.status == "Completed", (outcome, bench.logs.text())
    assert bench.s3.read("b", "out/a.csv.out") == b"A\nB\n"


def test_compressed_input(bench: Bench) -> None:
    bench.s3.put("model.tar.gz", archive({"code/inference.py": ECHO.encode()}))
    bench.s3.put("in/a.csv.gz", gzip.compress(b"x\n"))
    assert bench.run(transform(SKLEARN, source={"CompressionType": "Gzip"})).status == "Completed"
    assert bench.s3.read("b", "out/a.csv.gz.out") == b"X\n"


@pytest.mark.parametrize(
    ("model", "job", "message"),
    [
        (b"no archive", {}, "s3://b/model.tar.gz is not a tar.gz archive that can be unpacked"),
        (
            archive({"../../evil": b"x"}),
            {},
            "s3://b/model.tar.gz is not a tar.gz archive that can be unpacked: '../../evil'",
        ),
        (archive({"xgboost-model": b"x" * 99}), {}, "xgboost-model is not an XGBoost model"),
        (archive({"m": b""}), {"source": {"SplitType": "RecordIO"}}, "SplitType RecordIO is not supported"),
        (archive({"m": b""}), {"processing": {"InputFilter": "$..a"}}, "JSONPath '$..a'"),
        (archive({"m": b""}), {"environment": {"SAGEMAKER_PROGRAM": ""}}, "SAGEMAKER_PROGRAM is set to nothing"),
        (archive({"code/inference.py": ECHO.encode()}), {"image": SKLEARN, "MaxPayloadInMB": 1}, "a.csv: record 1 has"),
        (archive({"m": b""}), {"image": "x/mine:1"}, "loopback.yml"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",  # archives hold a time
)
def test_what_cannot_be_transformed_is_named(bench: Bench, model: bytes, job: dict, message: str) -> None:
    bench.s3.put("model.tar.gz", model)
    bench.s3.put("in/a.csv", "1" * (2 << 20))
    outcome = bench.run(transform(**job))
    assert outcome.status == "Failed"
    assert outcome.failure_reason is not None
    assert outcome.failure_reason.startswith("ClientError: ")
    assert message in outcome.failure_reason
    assert bench.s3.keys("out") == []


def test_an_answer_that_is_an_error_fails_the_job(bench: Bench) -> None:
    put_booster(bench)
    bench.s3.put("in/a.csv", "1,2,3,4\n")
    reason = str(bench.run(transform()).failure_reason)
    assert reason.startswith("ClientError: a.csv: the model answered 400: Unable to evaluate payload provided: ")
    assert bench.s3.keys("out") == []
