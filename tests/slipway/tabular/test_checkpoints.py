"""A training that is interrupted makes the model that it would have made in one go, whose maker is XGBoost alone."""

import numpy as np
import pytest
import xgboost as xgb

from slipway.tabular import checkpoints
from slipway.tabular.checkpoints import Checkpoint

PARAMS = {"objective": "binary:logistic", "eval_metric": "logloss", "seed": 3, "nthread": 1}


class Interrupted(Exception):
    """The machine is taken away."""


class Taken(xgb.callback.TrainingCallback):
    """Takes the machine away after some rounds."""

    def __init__(self, rounds):
        self.left = rounds

    def before_iteration(self, model, epoch, evals_log):
        if self.left == 0:
            raise Interrupted
        self.left -= 1
        return False


@pytest.fixture(scope="module")
def data():
    chance = np.random.default_rng(1)
    x = chance.normal(size=(600, 5)).astype("float32")
    y = (x[:, 0] * x[:, 1] + chance.normal(size=600) > 0).astype("float32")
    learned = xgb.QuantileDMatrix(x[:400], y[:400])
    return learned, xgb.QuantileDMatrix(x[400:], y[400:], ref=learned)


def run(data, path, *, taken=None, every=0.0, rounds=60, patience=12):
    callbacks = [xgb.callback.EarlyStopping(rounds=patience, data_name="validation", save_best=True)]
    checkpoint = Checkpoint(path, every=every)
    begun = checkpoint.go_on(callbacks)
    return xgb.train(
        PARAMS,
        data[0],
        rounds - (begun.num_boosted_rounds() if begun else 0),
        evals=[(data[1], "validation")],
        callbacks=[*callbacks, *([Taken(taken)] if taken is not None else []), checkpoint],
        verbose_eval=False,
        xgb_model=begun,
    )


@pytest.mark.parametrize("attempts", [[1], [7], [5, 3], [4, 0, 6]])
def test_an_interrupted_training_makes_the_same_model(data, tmp_path, attempts):
    whole, path = run(data, tmp_path / "whole.ubj"), tmp_path / "taken.ubj"
    for rounds in attempts:
        with pytest.raises(Interrupted):
            run(data, path, taken=rounds)
    found = run(data, path)
    assert found.save_raw("json") == whole.save_raw("json")
    assert (found.best_iteration, found.best_score) == (whole.best_iteration, whole.best_score)


def test_patience_goes_on_too(data, tmp_path):
    whole = run(data, tmp_path / "whole.ubj", patience=3)
    with pytest.raises(Interrupted):  # one of the rounds before the last has not been better, nor the one before it
        run(data, tmp_path / "taken.ubj", taken=whole.best_iteration + 3, patience=3)
    assert run(data, tmp_path / "taken.ubj", patience=3).best_iteration == whole.best_iteration


def test_all_rounds_are_made_where_nothing_stops_them(data, tmp_path):
    with pytest.raises(Interrupted):
        run(data, tmp_path / "a.ubj", taken=4, rounds=9, patience=100)
    found = run(data, tmp_path / "a.ubj", rounds=9, patience=100)
    assert int(found.attr("best_iteration")) + 1 == found.num_boosted_rounds() <= 9


def test_a_training_that_had_ended_ends_the_same_again(data, tmp_path):
    first = run(data, tmp_path / "a.ubj").save_raw("json")
    assert run(data, tmp_path / "a.ubj").save_raw("json") == first


def test_what_is_no_checkpoint_is_not_gone_on_from(data, tmp_path, capsys):
    path = tmp_path / "a.ubj"
    path.write_bytes(b"half a file")
    run(data, path)
    assert "a.ubj is no checkpoint of a training, which begins anew" in capsys.readouterr().out
    xgb.train(PARAMS, data[0], 2).save_model(path)  # a model of somebody's, without what the callbacks knew
    assert Checkpoint(path).go_on([]) is None


def test_it_is_written_when_it_is_time_and_less_often_where_that_takes_long(data, tmp_path):
    path, times = (
        tmp_path / "a.ubj",
        iter([0, 29, 31, 33, 34, 132, 133, 134]),
    )  # writing takes two seconds: 100 more, then
    checkpoint = Checkpoint(path, every=30, clock=lambda: next(times))
    booster = xgb.train(PARAMS, data[0], 1)
    written = []
    for _ in range(4):
        checkpoint.after_iteration(booster, 0, {})
        written.append(path.exists())
        path.unlink(missing_ok=True)
    assert written == [False, True, False, False]
    checkpoint.after_iteration(booster, 0, {})
    assert path.exists()
    assert booster.attr(checkpoints.STATE) is None


def test_other_rows_or_settings_have_another_name():
    rows = np.arange(6, dtype="float32")
    names = [
        checkpoints.fingerprint(PARAMS, [rows]),
        checkpoints.fingerprint({**PARAMS, "seed": 4}, [rows]),
        checkpoints.fingerprint(PARAMS, [rows + 1]),
        checkpoints.fingerprint(PARAMS, [rows.reshape(2, 3)]),
    ]
    assert len({*names}) == 4
    assert checkpoints.fingerprint(dict(reversed(PARAMS.items())), [rows]) == names[0]
