"""Training jobs: what the container finds, what is made of what it leaves."""

import io
import json
import pickle
import tarfile
import zipfile

import numpy as np
import pytest

from loopback.core.faults import SpotInterruption
from loopback.runtimes.jobs.ports import Job
from tests.loopback.runtimes.jobs.conftest import SKLEARN, XGBOOST, Bench, training

DATA = np.random.default_rng(0).normal(size=(300, 3))
CSV = "\n".join(",".join(map(str, [int(row[0] > 0), *row])) for row in DATA)
BINARY = {"num_round": "4", "objective": "binary:logistic", "eval_metric": "logloss,accuracy"}
AUC = {"MetricDefinitions": [{"Name": "validation:accuracy", "Regex": r".*\[[0-9]+\].*validation-accuracy:(\S+)"}]}


def tar(files: dict[str, str]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content.encode())
            archive.addfile(entry, io.BytesIO(content.encode()))
    return target.getvalue()


def packed(bench: Bench, key: str = "models/train-1/output/model.tar.gz") -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(bench.s3.read("b", key))) as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive.getmembers()}


def scripted(bench: Bench, files: dict[str, str], image: str = XGBOOST, hyperparameters=(), **request) -> Job:
    uri = bench.s3.put("source/sourcedir.tar.gz", tar(files))
    toolkit = {"sagemaker_program": '"train.py"', "sagemaker_submit_directory": f'"{uri}"'}
    return training(image, hyperparameters={**toolkit, **dict(hyperparameters)}, **request)


@pytest.fixture
def channels(bench: Bench) -> dict:
    for name in ("train/a.csv", "train/b.csv", "validation/a.csv"):
        bench.s3.put(f"d/{name}", CSV)
    return {name: (f"s3://b/d/{name}/", "text/csv") for name in ("train", "validation")}


def test_the_xgboost_algorithm(bench: Bench, channels: dict) -> None:
    outcome = bench.run(training(hyperparameters=BINARY, channels=channels, algorithm=AUC))
    assert outcome.status == "Completed", (outcome, bench.logs.text())
    assert outcome.artifacts == "s3://b/models/train-1/output/model.tar.gz"
    assert list(packed(bench)) == ["xgboost-model"]
    assert packed(bench)["xgboost-model"][:2] == b"{L"
    lines = bench.logs.text().splitlines()
    assert [line.split("\t")[0] for line in lines] == ["[0]", "[1]", "[2]", "[3]"]
    assert lines[0].split("\t")[1].startswith("train-logloss:")
    metrics = {metric["MetricName"]: metric["Value"] for metric in outcome.metrics}
    assert metrics["validation:accuracy"] == float(lines[-1].rpartition(":")[2])
    assert set(metrics) == {f"{part}:{name}" for part in ("train", "validation") for name in ("logloss", "accuracy")}
    assert bench.states == ["Starting", "Downloading", "Training", "Uploading", "Completed"]


STOPS = {"num_round": "30", "objective": "binary:logistic", "early_stopping_rounds": "1", "eta": "0.9"}


@pytest.mark.parametrize(
    ("without", "hyperparameters", "stops"),
    [
        ("", {"eval_metric": "logloss"}, True),
        ("", {"eval_metric": "logloss", "early_stopping_rounds": ""}, False),
        ("", {}, False),
        ("validation", {"eval_metric": "logloss"}, False),
        ("", {"_tuning_objective_metric": "validation:logloss"}, True),
        ("", {"_tuning_objective_metric": "validation:auc", "eval_metric": "logloss"}, True),
    ],
)
def test_training_stops_early_only_with_validation_rounds_and_a_named_metric(
    bench: Bench, channels: dict, without: str, hyperparameters: dict, stops: bool
) -> None:
    """aws/sagemaker-xgboost-container cb8df91: algorithm_mode/train.py:329-336 and callback.py:112."""
    given = {name: value for name, value in {**STOPS, **hyperparameters}.items() if value}
    wanted = {name: channel for name, channel in channels.items() if name != without}
    outcome = bench.run(training(hyperparameters=given, channels=wanted))
    assert outcome.status == "Completed", (outcome, bench.logs.text())
    rounds = sum(line.startswith("[") for line in bench.logs.text().splitlines())
    assert (rounds < 30) == stops, rounds


def test_the_xgboost_algorithm_over_two_hosts(bench: Bench, channels: dict) -> None:
    shard = {"train": (*channels["train"],)}
    job = training(hosts=2, hyperparameters=BINARY, channels=shard)
    job.request["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3DataDistributionType"] = "ShardedByS3Key"
    outcome = bench.run(job)
    assert outcome.status == "Completed", (outcome, bench.logs.text())
    assert list(packed(bench)) == ["xgboost-model"]


@pytest.mark.parametrize("tag", ["sagemaker-xgboost:1.0-1-cpu-py3", "xgboost:latest"])
def test_old_images_pickle_their_model_and_know_silent(bench: Bench, channels: dict, tag: str) -> None:
    image = XGBOOST.replace("sagemaker-xgboost:3.2-0", tag)
    hyperparameters = {"num_round": "2", "objective": "reg:linear", "silent": "0"}
    outcome = bench.run(training(image, hyperparameters=hyperparameters, channels=channels))
    assert outcome.status == "Completed", (outcome, bench.logs.text())
    assert pickle.loads(packed(bench)["xgboost-model"]).num_boosted_rounds() == 2


def test_metric_patterns_may_be_made_for_cloudwatch(bench: Bench, channels: dict) -> None:
    """Its log layer shows a tab as #011, which the registered patterns of the XGBoost image contain."""
    pattern = {"Name": "mine", "Regex": r".*\[[0-9]+\].*#011train-logloss:(\S+)"}
    outcome = bench.run(training(hyperparameters=BINARY, channels=channels, algorithm={"MetricDefinitions": [pattern]}))
    metrics = {metric["MetricName"]: metric["Value"] for metric in outcome.metrics}
    assert metrics["mine"] == metrics["train:logloss"]


def test_the_same_training_makes_the_same_bytes(bench: Bench, channels: dict) -> None:
    found = []
    for _ in range(2):
        bench.run(training(hyperparameters=BINARY, channels=channels))
        found.append(bench.s3.read("b", "models/train-1/output/model.tar.gz"))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({}, "Missing required hyperparameter: num_round"),
        ({"num_round": "0"}, "Hyperparameter num_round: value 0 not in range [1, +inf)"),
        ({"num_round": "x"}, "Hyperparameter num_round: could not parse value"),
        ({"num_round": "1", "colour": "red"}, "Extraneous hyperparameter found: colour"),
        ({"num_round": "1", "learning_rate": "2"}, "Hyperparameter eta: value 2 not in range [0, 1]"),
        ({"num_round": "1", "objective": "multi:softmax"}, "'num_class' for multi-classification"),
        ({"num_round": "1", "eval_metric": "auc"}, "Metric 'auc' can only be applied for classification and ranking"),
        ({"num_round": "1", "_kfold": "3"}, "k-fold cross validation is not run here"),
    ],
)
def test_hyperparameters_are_checked(bench: Bench, channels: dict, hyperparameters: dict, message: str) -> None:
    outcome = bench.run(training(hyperparameters=hyperparameters, channels=channels))
    assert outcome.failure_reason is not None
    assert outcome.failure_reason.startswith("AlgorithmError: UserError: ")
    assert message in outcome.failure_reason
    assert bench.s3.keys("models") == []


@pytest.mark.parametrize(
    ("content_type", "content", "message"),
    [
        ("text/csv", "label,a,b\n1,2,3\n", "Failed to load csv data"),
        ("text/csv;label_size=2", CSV, "label_size must be equal to 1"),
        ("application/json", "{}", "not an accepted ContentType"),
        ("text/libsvm", "1 a:b", "Failed to load libsvm data"),
        ("application/x-parquet", "no", "Failed to load parquet data"),
    ],
)
def test_bad_data_is_the_users(bench: Bench, content_type: str, content: str, message: str) -> None:
    uri = bench.s3.put("bad/a.csv", content)
    outcome = bench.run(training(hyperparameters={"num_round": "1"}, channels={"train": (uri, content_type)}))
    assert message in str(outcome.failure_reason)


def test_libsvm_and_weights(bench: Bench) -> None:
    uri = bench.s3.put("l/a", "1:0.5 0:1 2:3\n0:2 1:1\n" * 9)
    outcome = bench.run(training(hyperparameters={"num_round": "1"}, channels={"train": (uri, "text/libsvm")}))
    assert outcome.status == "Completed", bench.logs.text()


@pytest.mark.parametrize(("image", "started"), [(XGBOOST, "/opt/ml/code/train.py"), (SKLEARN, "train.py")])
def test_script_mode(bench: Bench, channels: dict, image: str, started: str) -> None:
    script = (
        "import json, os, sys, helper\n"
        "names = 'SM_HPS SM_CHANNEL_TRAIN SM_MODEL_DIR SM_HP_MAX-DEPTH TRAINING_JOB_NAME SM_NUM_GPUS'.split()\n"
        "print(json.dumps([sys.argv, os.getcwd(), *[os.environ[name] for name in names]]))\n"
        "open(os.environ['SM_MODEL_DIR'] + '/model.txt', 'w').write('m')\n"
        "open(os.environ['SM_OUTPUT_DATA_DIR'] + '/extra.txt', 'w').write('e')\n"
    )
    job = scripted(bench, {"train.py": script, "helper.py": ""}, image, {"max-depth": "5"}, channels=channels)
    outcome = bench.run(job)
    assert outcome.status == "Completed", bench.logs.text()
    argv, *rest = json.loads(bench.logs.text())
    assert argv == [started, "--max-depth", "5"]
    expected = ["/opt/ml/code", '{"max-depth":5}', "/opt/ml/input/data/train", "/opt/ml/model", "5", "train-1", "0"]
    assert rest == expected
    assert packed(bench) == {"model.txt": b"m"}
    assert packed(bench, "models/train-1/output/output.tar.gz") == {"extra.txt": b"e"}


def test_a_script_that_fails_is_explained_as_the_toolkit_does(bench: Bench) -> None:
    files = {"train.py": "open('/opt/ml/model/half', 'w').write('x')\nraise ValueError('bad label')"}
    outcome = bench.run(scripted(bench, files, hyperparameters={"eta": "0.1"}))
    assert outcome.failure_reason == (
        'AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage "ValueError: bad label"\n'
        'Command "python3 -m train --eta 0.1", exit code: 1'
    )
    assert bench.s3.keys("models") == []


def test_the_failure_file_is_the_reason(bench: Bench) -> None:
    files = {"train.py": "open('/opt/ml/output/failure', 'w').write('x' * 2000); raise SystemExit(9)"}
    reason = bench.run(scripted(bench, files)).failure_reason
    assert reason is not None
    assert len(reason) == 1024
    assert reason.startswith("AlgorithmError: xxx")
    assert reason.endswith("x, exit code: 1")


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ({"image": SKLEARN}, "no user script"),
        ({"Environment": {"SAGEMAKER_PROGRAM": ""}}, "SAGEMAKER_PROGRAM is set to nothing"),
        (
            {"hyperparameters": {"sagemaker_program": "t.py", "sagemaker_submit_directory": "s3://b/none"}},
            "does not exist",
        ),
        ({"algorithm": {"TrainingInputMode": "Pipe"}, "channels": {"train": ("s3://b/x",)}}, "Pipe is not supported"),
        ({"algorithm": {"ContainerArguments": ["x"]}}, "ContainerArguments without ContainerEntrypoint"),
        ({"algorithm": {"MetricDefinitions": [{"Name": "m", "Regex": "("}]}}, "regular expression '(' is wrong"),
    ],
)
def test_what_cannot_be_trained_is_named(bench: Bench, job: dict, message: str) -> None:
    outcome = bench.run(training(**job))
    assert outcome.failure_reason is not None
    assert outcome.failure_reason.startswith("ClientError: ")
    assert message in outcome.failure_reason


def test_a_damaged_source_archive(bench: Bench) -> None:
    job = scripted(bench, {"train.py": "pass"})
    bench.s3.put("source/sourcedir.tar.gz", tar({"train.py": "pass" * 500})[:60])
    assert "sourcedir.tar.gz is not a tar.gz archive" in str(bench.run(job).failure_reason)


def test_what_is_in_the_model_folder_at_a_stop_is_kept(bench: Bench) -> None:
    script = "import time; open('/opt/ml/model/half', 'w').write('h'); time.sleep(60)"
    job = scripted(bench, {"train.py": script}, StoppingCondition={"MaxRuntimeInSeconds": 1})
    outcome = bench.run(job)
    assert (outcome.status, outcome.secondary) == ("Stopped", "MaxRuntimeExceeded")
    assert packed(bench) == {"half": b"h"}


def test_files_of_all_hosts_make_one_archive(bench: Bench) -> None:
    script = "import os; h = os.environ['SM_CURRENT_HOST']; open('/opt/ml/model/' + h, 'w').write(h)"
    assert bench.run(scripted(bench, {"train.py": script}, hosts=2)).status == "Completed"
    assert packed(bench) == {"algo-1": b"algo-1", "algo-2": b"algo-2"}


def test_uncompressed_output(bench: Bench) -> None:
    script = "open('/opt/ml/model/m', 'w').write('m')"
    output = {"S3OutputPath": "s3://b/models", "CompressionType": "NONE"}
    outcome = bench.run(scripted(bench, {"train.py": script}, OutputDataConfig=output))
    assert outcome.artifacts == "s3://b/models/train-1/output/model/"
    assert bench.s3.keys("models") == ["models/train-1/output/model/m"]


def test_training_goes_on_from_a_checkpoint(bench: Bench, channels: dict) -> None:
    checkpoints = {"S3Uri": "s3://b/checkpoints/run"}
    outcome = bench.run(training(hyperparameters={"num_round": "7"}, channels=channels, CheckpointConfig=checkpoints))
    assert outcome.status == "Completed", (outcome, bench.logs.text())
    kept = [f"checkpoints/run/xgboost-checkpoint.{number}" for number in range(2, 7)]
    assert set(kept) <= set(bench.s3.keys("checkpoints"))
    bench.logs.streams.clear()
    outcome = bench.run(training(hyperparameters={"num_round": "9"}, channels=channels, CheckpointConfig=checkpoints))
    assert outcome.status == "Completed", (outcome, bench.logs.text())
    assert [line.split("\t")[0] for line in bench.logs.text().splitlines()] == ["[7]", "[8]"]


COUNTS = """
import pathlib, time
place = pathlib.Path("/opt/ml/checkpoints/attempts")
attempts = int(place.read_text()) + 1 if place.exists() else 1
place.write_text(str(attempts))
print("attempt", attempts, flush=True)
if attempts < 3:
    time.sleep(60)
"""


def spot(bench: Bench, wait: int = 100) -> Job:
    return scripted(
        bench,
        {"train.py": COUNTS},
        EnableManagedSpotTraining=True,
        CheckpointConfig={"S3Uri": "s3://b/checkpoints/run"},
        StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": wait},
    )


def test_spot_instances_that_are_taken_away_give_the_next_ones_their_checkpoints(bench: Bench) -> None:
    bench.ports.faults.add(SpotInterruption("train-*", after=1.0, times=2))
    outcome = bench.run(spot(bench))
    assert outcome.status == "Completed", (outcome, bench.logs.text())
    assert bench.logs.text().splitlines() == ["attempt 1", "attempt 2", "attempt 3"]
    assert bench.states.count("Interrupted") == 2
    assert bench.states[-3:] == ["Training", "Uploading", "Completed"]
    assert outcome.ended - outcome.started > 2, "from the first container on"
    assert bench.left() == []


def test_instances_that_are_no_spot_instances_are_not_taken_away(bench: Bench) -> None:
    bench.ports.faults.add(SpotInterruption())
    assert bench.run(scripted(bench, {"train.py": "pass"})).status == "Completed"
    assert "Interrupted" not in bench.states


def test_a_wait_for_spot_instances_ends(bench: Bench) -> None:
    bench.ports.faults.add(SpotInterruption(after=1.0))
    outcome = bench.run(spot(bench, wait=2))
    assert (outcome.status, outcome.secondary) == ("Stopped", "MaxWaitTimeExceeded")
    assert bench.states.count("Interrupted") == 1


def test_the_config_files(bench: Bench, channels: dict) -> None:
    script = (
        "import json, pathlib\n"
        "print(json.dumps({p.stem: json.loads(p.read_text()) for p in pathlib.Path('/opt/ml/input/config').iterdir()}))"
    )
    bench.run(scripted(bench, {"train.py": script}, channels=channels))
    found = json.loads(bench.logs.text())
    assert found["inputdataconfig"]["train"] == {
        "ContentType": "text/csv",
        "TrainingInputMode": "File",
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "None",
    }
    assert found["hyperparameters"]["sagemaker_program"] == '"train.py"'
    assert found["resourceconfig"]["instance_groups"][0]["hosts"] == ["algo-1"]
    assert "checkpointconfig" not in found


def wheel(name: str) -> bytes:
    """A wheel of one module, `name`, whose VALUE is 42."""
    target = io.BytesIO()
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(f"{name}.py", "VALUE = 42")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return target.getvalue()


def test_requirements_are_installed_once_for_their_content(bench: Bench, tmp_path, tmp_path_factory) -> None:
    index = tmp_path_factory.mktemp("index")
    (index / "wheels").mkdir()
    (index / "wheels/answer-1.0-py3-none-any.whl").write_bytes(wheel("answer"))
    requirements = f"--no-index\n--find-links {index}/wheels\nanswer==1.0\nnumpy\n"
    script = "import answer, numpy, sys; print(answer.VALUE, numpy.__name__)"
    for _ in range(2):
        outcome = bench.run(scripted(bench, {"train.py": script, "requirements.txt": requirements}))
        assert outcome.status == "Completed", (outcome, bench.logs.text())
    assert bench.logs.text() == "42 numpy\n42 numpy"
    assert len(list((tmp_path / "environments").glob("*/.ready"))) == 1
    missing = requirements.replace("answer==1.0", "answer==2.0")
    outcome = bench.run(scripted(bench, {"train.py": script, "requirements.txt": missing}))
    assert str(outcome.failure_reason).startswith("AlgorithmError: InstallRequirementsError:\nExitCode 1\n")
    assert "answer==2.0" in str(outcome.failure_reason)
