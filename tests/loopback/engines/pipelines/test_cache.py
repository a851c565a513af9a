"""Cache keys and durations."""

from datetime import timedelta

import pytest

from loopback.engines.pipelines import cache

ON = {"Enabled": True, "ExpireAfter": "P30D"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("P30D", timedelta(days=30)),
        ("p30d", timedelta(days=30)),
        ("PT1H", timedelta(hours=1)),
        ("P4DT12H", timedelta(days=4, hours=12)),
        ("30d", timedelta(days=30)),
        ("T16m", timedelta(minutes=16)),
        ("30dT5h", timedelta(days=30, hours=5)),
        ("P1M", timedelta(days=30)),
        ("PT1H30M5S", timedelta(hours=1, minutes=30, seconds=5)),
    ],
)
def test_duration(text, value):
    assert cache.duration(text) == value


@pytest.mark.parametrize("text", ["", "P", "PT", "30", "5h", "P1DT", "T5d", "P1D1X", "one day"])
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match="is not a duration; write for example"):
        cache.duration(text)


def _key(define, step, kind="Processing", config=None, envelope=None, **arguments):
    return cache.key(define(step("S", kind, CacheConfig=config or ON)).steps["S"], arguments, envelope)


def test_only_the_documented_attributes_count(define, step):
    base = {"AppSpecification": {"ImageUri": "i"}, "Environment": {"A": "1"}}
    first = _key(define, step, **base, RoleArn="r", ProcessingOutputConfig={"Outputs": ["x"]})
    assert first == _key(define, step, **base, RoleArn="other", ProcessingInputs=[])
    assert first != _key(define, step, AppSpecification={"ImageUri": "i"}, Environment={"A": "2"})


@pytest.mark.parametrize(("kind", "config"), [("Processing", {"Enabled": False}), ("Lambda", ON)])
def test_what_cannot_hit_has_no_key(define, step, kind, config):
    made = step("S", kind, CacheConfig=config, FunctionArn="f")
    assert cache.key(define(made).steps["S"], {}) is None


@pytest.mark.parametrize(("kind", "check"), [("QualityCheck", "DATA_QUALITY"), ("ClarifyCheck", "DATA_BIAS")])
def test_a_check_counts_its_own_keys_too(define, step, kind, check):
    made = define(step("S", kind, CheckType=check, CacheConfig=ON)).steps["S"]
    assert cache.key(made, {}, {"SkipCheck": True}) != cache.key(made, {}, {"SkipCheck": False})


def test_a_clarify_check_of_another_model_is_no_hit(define, step):
    made = define(step("S", "ClarifyCheck", CheckType="MODEL_BIAS", ModelName="m", CacheConfig=ON)).steps["S"]
    assert cache.key(made, {}, {"ModelName": "m"}) != cache.key(made, {}, {"ModelName": "other"})
