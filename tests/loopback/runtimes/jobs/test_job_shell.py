"""A job's folder for a person: what was downloaded, and the program that runs its command again."""

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from loopback.core.errors import AccessDeniedException
from loopback.core.objects import NoSuchBucket, NoSuchKey
from loopback.runtimes.jobs import job_shell
from loopback.runtimes.jobs.client_objects import ClientObjects
from loopback.runtimes.jobs.messages import HostSpec
from tests.loopback.runtimes.jobs.conftest import processing, training


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        (
            processing("run", inputs=[("code", "s3://b/code/"), ("data", "s3://b/d/")]),
            [("ProcessingInput", name, f"/opt/ml/processing/{name}") for name in ("code", "data")],
        ),
        (training(channels={"train": ("s3://b/t",)}), [("Channel", "train", "/opt/ml/input/data/train")]),
        (
            training(hyperparameters={"sagemaker_submit_directory": '"s3://b/code.tar.gz"'}),
            [("SubmitDirectory", "sagemaker_submit_directory", "/opt/ml/code")],
        ),
        (
            training(Environment={"SAGEMAKER_SUBMIT_DIRECTORY": "s3://b/code.tar.gz"}),
            [("SubmitDirectory", "sagemaker_submit_directory", "/opt/ml/code")],
        ),
        (training(hyperparameters={"sagemaker_submit_directory": '"/opt/ml/input/data/code"'}), []),
    ],
)  # fmt: skip
def test_what_s3_gave_a_job(job, expected):
    assert [(found.kind, found.name, found.path) for found in job_shell.downloads(job)] == expected


AWS = "arn:aws:sagemaker"


@pytest.mark.parametrize(
    "arn", ["", "arn:x", "train", f"{AWS}:eu-west-1:1:transform-job/t", "arn:aws:s3:::b", f"{AWS}::1:processing-job/p"]
)
def test_what_is_no_job_is_refused(arn: str, tmp_path: Path):
    with pytest.raises(job_shell.CannotOpen, match="no job that has a shell"):
        job_shell.open_shell(job_shell.Wish(arn, tmp_path / "job", tmp_path), sys.executable)
    assert list(tmp_path.iterdir()) == []


SPEC = HostSpec(("python3", "train.py", "--text", "it's $HOME"), {}, "/j/algo-1/ml")
BUILTIN = replace(SPEC, argv=("train", "image:1"), builtin="loopback.images.xgboost.train:main")


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (SPEC, ("/py/bin/python3", "train.py", "--text", "it's $HOME")),
        (replace(SPEC, interpreter="/env/bin/python"), ("/env/bin/python", "train.py", "--text", "it's $HOME")),
        (replace(SPEC, argv=("bash", "run.sh")), ("bash", "run.sh")),
    ],
)
def test_the_command_is_the_jobs(spec, expected):
    assert job_shell.command_of(spec, "/py/bin/python3") == expected


def test_an_algorithm_of_an_image_is_called_by_a_python():
    python, _, code, image = job_shell.command_of(BUILTIN, "/py/bin/python3")
    assert (python, image) == ("/py/bin/python3", "image:1")
    assert "loopback.images.xgboost.train" in code


def run_job(folder: Path, code: str, *arguments: str, told: str = "") -> subprocess.CompletedProcess[str]:
    """Write run-job for a Python program, and run it."""
    (folder / "ml").mkdir(exist_ok=True)
    (folder / "out put").mkdir(exist_ok=True)
    (folder / "ml" / "it's.py").write_text(code)
    spec = HostSpec(("python3", "it's.py", "a b", "$HOME"), {}, str(folder / "ml"), cwd=str(folder / "ml"))
    job_shell.write_programs(spec, sys.executable, [str(folder / "out put"), str(folder / "nowhere")])
    return subprocess.run(
        [folder / "bin" / "run-job", *arguments], input=told, text=True, capture_output=True, check=False
    )


def test_run_job_does_what_the_job_did_without_what_it_left(tmp_path):
    (tmp_path / "out put").mkdir()
    (tmp_path / "out put" / "old.txt").write_text("")
    code = "import pathlib, sys; print(sys.argv[1:]); pathlib.Path('../out put/new.txt').touch(); sys.exit(3)"
    done = run_job(tmp_path, code)
    assert (done.returncode, done.stdout) == (3, "['a b', '$HOME']\n")
    assert done.stderr == "run-job: exit code 3\n"
    assert [path.name for path in (tmp_path / "out put").iterdir()] == ["new.txt"]


def test_the_debugger_opens_where_it_fails(tmp_path):
    done = run_job(
        tmp_path, "def divide(a, limit):\n    return a / limit\ndivide(7, 0)\n", "--pdb", told="p limit + 41\nq\n"
    )
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert "(Pdb) 41" in done.stdout


def test_an_unknown_argument_runs_nothing(tmp_path):
    done = run_job(tmp_path, "print('ran')", "--trace")
    assert (done.returncode, done.stdout) == (2, "")
    assert "unknown argument --trace" in done.stderr


def stubbed(operation: str, response=None, error: str = "") -> ClientObjects:
    client = boto3.client("s3", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    stub = Stubber(client)
    if error:
        stub.add_client_error(operation, error, "why")
    else:
        stub.add_response(operation, response)
    stub.activate()
    return ClientObjects(client)


def test_objects_are_read_with_the_callers_client(tmp_path):
    content = {"Body": StreamingBody(io.BytesIO(b"abc"), 3)}
    stubbed("get_object", content).fetch("b-1", "k", tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == b"abc"
    listed = stubbed("list_objects_v2", {"Contents": [{"Key": "k", "Size": 3, "ETag": '"e"'}]}).list("b-1", "")
    assert [(entry.key, entry.size, entry.etag) for entry in listed] == [("k", 3, "e")]


@pytest.mark.parametrize(
    ("code", "expected"),
    [("NoSuchBucket", NoSuchBucket), ("NoSuchKey", NoSuchKey), ("AccessDenied", AccessDeniedException)],
)
def test_what_s3_refuses_has_its_own_error(code, expected):
    with pytest.raises(expected):
        stubbed("get_object", error=code).read("b-1", "k")
    with pytest.raises(expected):
        stubbed("list_objects_v2", error=code).list("b-1", "k")


def test_nothing_is_written(tmp_path):
    objects = ClientObjects(None)
    with pytest.raises(TypeError):
        objects.store("b", "k", tmp_path)
    with pytest.raises(TypeError):
        objects.delete("b", "k")
