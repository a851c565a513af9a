"""Retry policies."""

import pytest

from loopback.engines.pipelines.retries import check, next_delay

JOB = {"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "IntervalSeconds": 60, "BackoffRate": 2.0, "MaxAttempts": 3}
CALL = {"ExceptionType": ["Step.THROTTLING"], "IntervalSeconds": 10, "BackoffRate": 3.0, "ExpireAfterMin": 2}


@pytest.mark.parametrize(
    ("kind", "attempts", "now", "delay"),
    [
        ("SageMaker.JOB_INTERNAL_ERROR", 1, 0, 60),
        ("SageMaker.JOB_INTERNAL_ERROR", 3, 0, 240),
        ("SageMaker.JOB_INTERNAL_ERROR", 4, 0, None),
        ("SageMaker.CAPACITY_ERROR", 1, 0, None),
        ("Step.THROTTLING", 1, 0, 10),
        ("Step.THROTTLING", 3, 30, 90),
        ("Step.THROTTLING", 3, 31, None),
        ("Step.SERVICE_FAULT", 1, 0, 1),
        ("Step.SERVICE_FAULT", 5, 0, 16),
        ("Step.SERVICE_FAULT", 6, 0, None),
        (None, 1, 0, None),
    ],
)
def test_next_delay(kind, attempts, now, delay):
    assert next_delay([JOB, CALL], kind, attempts, 0.0, now) == delay


def test_defaults_and_never():
    bare = {"ExceptionType": ["SageMaker.RESOURCE_LIMIT"]}
    assert [next_delay([bare], "SageMaker.RESOURCE_LIMIT", n, 0, 0) for n in (1, 2, 5, 6)] == [1, 2, 16, None]
    assert next_delay([{**bare, "MaxAttempts": 0}], "SageMaker.RESOURCE_LIMIT", 1, 0, 0) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"MaxAttempts": 1, "ExpireAfterMin": 1}, "both MaxAttempts and ExpireAfterMin"),
        ({"MaxAttempts": 21}, "MaxAttempts 21; allowed: 0 to 20"),
        ({"ExpireAfterMin": 14401}, "allowed: 0 to 14400"),
        ({"IntervalSeconds": 43201}, "allowed: 0 to 43200"),
        ({"BackoffRate": -1}, "allowed: 0 to any number"),
        ({"BackoffRate": "2"}, "BackoffRate '2'"),
        ({"ExceptionType": []}, "allowed: Step.SERVICE_FAULT"),
    ],
)
def test_a_policy_is_checked(change, told):
    with pytest.raises(ValueError, match=told):
        check({"ExceptionType": ["Step.THROTTLING"], **change})
