"""Faults that wait for a call or a job: which they meet, how often, and what is no fault."""

from typing import Any

import pytest

from loopback.core.faults import MOST, CallFault, Faults, InjectedJobFault, WrongFault, from_document


def test_a_fault_happens_so_many_times() -> None:
    faults = Faults()
    faults.add(CallFault("s3:Get*", "SlowDown", times=2))
    faults.add(InjectedJobFault("TrainingJob", "big-*"))
    assert faults
    assert faults.for_call("s3:PutObject") is None
    assert [faults.for_call("s3:GetObject") is not None for _ in range(3)] == [True, True, False]
    assert faults.for_job("ProcessingJob", "big-1") is None
    assert faults.for_job("TrainingJob", "small") is None
    assert faults.for_job("TrainingJob", "big-1") == InjectedJobFault("TrainingJob", "big-*")
    assert not faults


def test_the_oldest_comes_first_and_letters_have_no_case() -> None:
    faults = Faults()
    faults.add(CallFault("sagemaker:*", "First"))
    faults.add(CallFault("SageMaker:ListModels", "Second"))
    assert [fault.code for fault in map(faults.for_call, ["sagemaker:ListModels"] * 2) if fault] == ["First", "Second"]


def test_spot_instances_are_taken_away_by_the_name_of_their_job() -> None:
    faults = Faults()
    faults.add(from_document({"interrupt": "train-*", "after": 2.5, "times": 2}))
    assert faults.for_spot_instances("other") is None
    assert faults.for_job("TrainingJob", "train-1") is None
    assert [fault and fault.after for fault in map(faults.for_spot_instances, ["train-1"] * 3)] == [2.5, 2.5, None]


def test_they_can_be_dropped_and_are_not_without_end() -> None:
    faults = Faults()
    for _ in range(MOST):
        faults.add(CallFault("s3:*", seconds=1))
    with pytest.raises(WrongFault, match="wait already"):
        faults.add(CallFault("s3:*", seconds=1))
    faults.clear()
    assert faults.for_call("s3:GetObject") is None


@pytest.mark.parametrize(
    ("document", "wrong"),
    [
        ({}, "has an operation"),
        ({"operation": "CreateModel", "code": "X"}, "service:Operation"),
        ({"operation": "s3:*"}, "error code, seconds, or both"),
        ({"operation": "s3:*", "code": "X", "status": 200}, "400 to 599"),
        ({"operation": "s3:*", "seconds": -1}, "0 to 3600"),
        ({"operation": "s3:*", "seconds": float("nan")}, "0 to 3600"),
        ({"operation": "s3:*", "code": "X", "times": 0}, "1 or more"),
        ({"operation": "s3:*", "code": "X", "times": True}, "a number"),
        ({"operation": "s3:*", "code": 7}, "expected text"),
        ({"operation": "s3:*", "code": "X", "colour": "red"}, "'colour' is not known"),
        ({"kind": "Job"}, "expected one of ProcessingJob"),
        ({"kind": "TrainingJob", "reason": ""}, "needs a reason"),
        ({"kind": "TrainingJob", "operation": "s3:*"}, "'operation' is not known"),
        ({"interrupt": "*", "after": -1}, "after is -1; expected 0 to 3600"),
        ({"interrupt": 7}, "interrupt is 7; expected text"),
        ({"interrupt": "*", "kind": "TrainingJob"}, "'kind' is not known"),
    ],
)
def test_what_is_no_fault(document: dict[str, Any], wrong: str) -> None:
    with pytest.raises(WrongFault, match=wrong):
        from_document(document)
