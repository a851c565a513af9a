"""What was changed in a job's folder, and which job a step has."""

import os
from pathlib import Path

import pytest

from slipway.cli.step_shell import Wish, changed_inputs, find_job, open_step
from slipway.cli.target import UserError

EXECUTION = "arn:aws:sagemaker:eu-west-1:111122223333:pipeline/churn/execution/abc"
JOB = "arn:aws:sagemaker:eu-west-1:111122223333:training-job/t-1"


def record_of(folder: Path, name: str, path: str) -> dict:
    place = folder / "algo-1/ml" / path
    files = {p.name: [p.stat().st_size, p.stat().st_mtime_ns] for p in place.iterdir()}
    return {"kind": "ProcessingInput", "name": name, "path": f"/opt/ml/{path}", "files": files}


def test_changed_added_and_removed_files_are_found(tmp_path):
    for path in ("processing/code", "processing/data"):
        (tmp_path / "algo-1/ml" / path).mkdir(parents=True)
        for name in ("a.py", "b.py", "c.py"):
            (tmp_path / "algo-1/ml" / path / name).write_text("1")
    record = {"downloads": [record_of(tmp_path, name, f"processing/{name}") for name in ("code", "data")]}
    assert changed_inputs(record, tmp_path, "Prepare") == []
    code = tmp_path / "algo-1/ml/processing/code"
    (code / "a.py").write_text("12")
    os.utime(code / "b.py", ns=(1, 1))
    (code / "c.py").unlink()
    (code / "sub").mkdir()
    (code / "sub" / "d.py").write_text("1")
    (code / "__pycache__").mkdir()
    (code / "__pycache__" / "a.pyc").write_text("1")
    (found,) = changed_inputs(record, tmp_path, "Prepare")
    assert (found.step, found.kind, found.name, found.folder) == ("Prepare", "ProcessingInput", "code", code)
    assert found.files == ("a.py", "b.py", "c.py", "sub/d.py")


def answer_steps(aws, metadata):
    steps = [{"StepName": "Train", "StartTime": 1, "StepStatus": "Failed", "Metadata": metadata}]
    aws.answers["ListPipelineExecutionSteps"] = {"PipelineExecutionSteps": steps}
    return aws.target


def test_a_step_is_found_in_any_case(aws):
    target = answer_steps(aws, {"TrainingJob": {"Arn": JOB}})
    assert find_job(target, Wish("train", EXECUTION)) == (EXECUTION, "Train", JOB)
    assert find_job(target, Wish(JOB)) == ("", "", JOB)


@pytest.mark.parametrize(
    ("wish", "metadata", "message"),
    [
        (
            Wish("Train", EXECUTION),
            {"Model": {"Arn": "m"}},
            "Train of churn has no job to open: processing and training",
        ),
        (Wish("Train", EXECUTION), {"TransformJob": {"Arn": "m"}}, "has no job to open"),
        (Wish("arn:aws:s3:::bucket"), {}, "is no processing or training job"),
        (Wish("Nope", EXECUTION), {}, "abc has no step Nope that has started; started: Train"),
        (Wish("Train", EXECUTION, command=("ls",), debugger=True), {}, "--pdb runs the step's own command"),
    ],
)
def test_what_has_no_shell_is_refused(aws, wish, metadata, message):
    with pytest.raises(UserError, match=message):
        open_step(answer_steps(aws, metadata), wish)
