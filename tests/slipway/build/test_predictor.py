"""The short way to a booster's predictions gives what the long way gives."""

import gc
from functools import cache

import numpy as np
import pytest
import xgboost as xgb

from slipway.tabular.predictor import predictor

ROWS, COLUMNS = 300, 5


@cache
def booster(objective="binary:logistic", seed=1):
    chance = np.random.default_rng(seed)
    data = chance.normal(size=(ROWS, COLUMNS)).astype(np.float32)
    data[:, 0] = chance.integers(0, 3, ROWS)
    data[chance.random(ROWS) < 0.1, 1] = np.nan
    label = (data[:, 2] > 0).astype(float)
    kinds = ["c", *"q" * (COLUMNS - 1)]
    matrix = xgb.DMatrix(data, label, feature_types=kinds, enable_categorical=True)
    return xgb.train({"objective": objective, "seed": seed, "nthread": 1}, matrix, 7), data


@pytest.mark.parametrize("objective", ["binary:logistic", "reg:squarederror"])
@pytest.mark.parametrize(
    "view",
    [
        lambda data: data,
        lambda data: data[:1],
        lambda data: data[:0],
        lambda data: data[::3],
        np.asfortranarray,
        lambda data: data.astype(np.float64),
        lambda data: np.full((2, COLUMNS), np.nan, np.float32),
    ],
)
def test_agrees_with_inplace_predict(objective, view):
    made, data = booster(objective)
    matrix = view(data)
    found = predictor(made)(matrix)
    assert found.dtype == np.float32
    assert found.tolist() == made.inplace_predict(matrix, validate_features=False).tolist()


def test_answers_are_kept_when_xgboost_uses_its_memory_again():
    made, data = booster()
    predict = predictor(made)
    first, second = predict(data[:2]), predict(data[2:4])
    assert first.tolist() + second.tolist() == predict(data[:4]).tolist()


def test_two_boosters_do_not_meet():
    (one, data), (other, _) = booster(seed=1), booster(seed=2)
    first, second = predictor(one), predictor(other)
    assert first(data).tolist() == one.inplace_predict(data).tolist()
    assert second(data).tolist() == other.inplace_predict(data).tolist()


def test_keeps_its_booster_alive():
    shared, data = booster()
    made = xgb.Booster(model_file=bytearray(shared.save_raw()))
    expected, predict = made.inplace_predict(data).tolist(), predictor(made)
    del made
    gc.collect()
    assert predict(data).tolist() == expected


def test_another_number_of_columns_is_xgboosts_own_error():
    made, data = booster()
    with pytest.raises(xgb.core.XGBoostError, match=r"\(4 vs. 5\)"):
        predictor(made)(data[:, :4])
