import json

import pytest

from benchmarks import churn_data, definitions, workload
from loopback.engines.pipelines.definition import parse


@pytest.mark.parametrize("chained", [True, False])
def test_no_ops_wait_for_the_one_before_or_for_none(chained: bool):
    found = parse(json.dumps(definitions.no_ops(200, chained=chained)), max_steps=200)
    assert len(found.steps) == 200
    assert [len(step.dependencies) for step in list(found.steps.values())[:3]] == ([0, 1, 1] if chained else [0, 0, 0])


def test_five_steps_are_five():
    found = parse(json.dumps(definitions.five_steps("s3://b/raw/churn.csv", workload.LEAST_AUC)))
    assert list(found.steps) == ["Preprocess", "Train", "Evaluate", "Gate", "Register"]


def test_the_same_seed_makes_the_same_21_columns():
    first, second = churn_data.make(200), churn_data.make(200)
    assert first.equals(second)
    assert first.shape == (200, 21)
    assert 0.02 < first["churn"].mean() < 0.5
