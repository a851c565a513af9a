"""Training: hyperparameters, early stopping, class weight, one host or many. What it learns from is its caller's."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from slipway.tabular import checkpoints, hosts, parts
from slipway.tabular.checkpoints import Checkpoint
from slipway.tabular.decision import Rule, threshold
from slipway.tabular.encoder import FILE as ENCODER_FILE
from slipway.tabular.encoder import Encoder
from slipway.tabular.job import JobError, ml_path
from slipway.tabular.kinds import BINARY, MULTICLASS
from slipway.tabular.serving import Model
from slipway.tabular.split import Dealt
from slipway.tabular.target import Target

MODEL_FILE = "xgboost-model"
OWN_FILE = "model.py"  # a pipeline's own algorithm
OURS = (
    "num_round",
    "early_stopping_rounds",
    "class_weight",
    "label",
    "decision",
)  # hyperparameters that are not XGBoost's


@dataclass(frozen=True)
class Channels:
    """Where a training job's data lie."""

    train: Path
    validation: Path
    encoder: Path
    sharded: bool = False  # S3 has already shared the files of `train` and `validation` out among the hosts

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Channels":
        """Read SM_CHANNEL_* and SM_INPUT_DATA_CONFIG."""
        train, validation, encoder = (
            Path(environment.get(f"SM_CHANNEL_{name.upper()}", ml_path("input", "data", name)))
            for name in ("train", "validation", "encoder")
        )
        channels = json.loads(environment.get("SM_INPUT_DATA_CONFIG", "{}"))
        sharded = channels.get("train", {}).get("S3DistributionType") == "ShardedByS3Key"
        return cls(train, validation, encoder, sharded)


def hyperparameters(environment: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """The user's hyperparameters, decoded, from SM_HPS (or one by one from SM_HP_*)."""
    if "SM_HPS" in environment:
        decoded: dict[str, Any] = json.loads(environment["SM_HPS"])
        return decoded
    return {key[6:].lower(): _decode(value) for key, value in environment.items() if key.startswith("SM_HP_")}


def _decode(value: str) -> Any:
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def train(channels: Channels, params: Mapping[str, Any], where: hosts.Hosts, code: Path | None = None) -> Model | None:
    """Train on all hosts; the first host gets the model, the others None.

    `code` is what the model will be served with, the pipeline's features.py included.

    `class_weight` is `balanced` or the weight of a positive row; rounds after the best one are dropped.
    """
    encoder = Encoder.load(channels.encoder, code)
    if code is not None and (code / OWN_FILE).is_file():
        return _train_own(channels, encoder, params, where, code)
    target = _target(channels.encoder, params)
    share = (0, 1) if channels.sharded else (where.rank, len(where.names))
    label = str(params["label"])
    with hosts.tracker(where):
        x, y = parts.matrix(channels.train, encoder, label, *share)
        vx, vy = parts.matrix(channels.validation, encoder, label, *share)
        with hosts.collective(where):
            booster = _fit(encoder, target, (x, y), (vx, vy), params, where)
    if not where.is_first:
        return None
    if target.problem == BINARY:
        target = target.with_threshold(_choose_threshold(booster, (vx, vy), params.get("decision")))
    return Model(booster, encoder, target)


def _train_own(
    channels: Channels, encoder: Encoder, params: Mapping[str, Any], where: hosts.Hosts, code: Path
) -> Model:
    """What the model.py among the code fits, with its loss on the validation rows as a metric line."""
    from slipway.tabular import own_model  # pandas, which XGBoost does without

    functions, target = own_model.ModelCode.load(code), Target.load(channels.encoder)
    if len(where.names) > 1:
        raise JobError(f"{OWN_FILE} is fitted on one host, and this job has {len(where.names)}: set the count to 1")
    if functions is None or target is None:
        raise JobError(f"{channels.encoder} does not say what {OWN_FILE} is to answer: run the Prepare step again")
    section, label = params.get("settings", {}), str(params["label"])
    settings = json.loads(section) if isinstance(section, str) else section
    learned, held_out = (
        own_model.part(folder, encoder, target, label) for folder in (channels.train, channels.validation)
    )
    own = own_model.fit(functions, learned, held_out, settings)
    answers, labels = own.predict(held_out.rows, target), held_out.labels.to_numpy()
    loss = own_model.loss(answers, labels, target)
    name, value = {BINARY: ("logloss", loss), MULTICLASS: ("mlogloss", loss)}.get(target.problem, ("rmse", loss**0.5))
    print(f"[0]\tvalidation-{name}:{value:.6f}", flush=True)
    if target.problem == BINARY:
        target = target.with_threshold(threshold(labels, answers, _rule(params.get("decision"))))
    return Model(None, encoder, target, own)


def _target(folder: Path, params: Mapping[str, Any]) -> Target:
    """What the model is to answer; a Prepare of a team's own may have written no target.json."""
    return Target.load(folder) or Target.of_objective(str(params.get("objective", "")), None)


def best(booster: xgb.Booster) -> dict[str, float]:
    """The round that early stopping chose, and its score; without early stopping the last round."""
    if booster.attr("best_iteration") is None:
        return {"best_round": booster.num_boosted_rounds() - 1}
    return {"best_round": booster.best_iteration, "best_score": booster.best_score}


Matrix = tuple[NDArray[np.float32], NDArray[np.float32]]  # features, labels


def _fit(
    encoder: Encoder,
    target: Target,
    training: Matrix,
    validation: Matrix,
    params: Mapping[str, Any],
    where: hosts.Hosts,
) -> xgb.Booster:
    threads = int(os.environ.get("SM_NUM_CPUS", os.cpu_count() or 1))
    about: dict[str, Any] = {
        "feature_names": encoder.model_names,
        "feature_types": encoder.feature_types,
        "enable_categorical": True,
        "nthread": threads,
        "max_bin": int(params.get("max_bin", 256)),
    }
    weights = _weights(training[1], params.get("class_weight", 1), len(target.classes) or 2, len(where.names))
    classes = {"num_class": len(target.classes)} if target.classes else {}
    train_set = xgb.QuantileDMatrix(*training, weight=weights, **about)
    callbacks, rounds, begun = _callbacks(params, first=where.is_first), int(params.get("num_round", 100)), None
    if len(where.names) == 1 and (folder := checkpoints.folder()):  # several hosts would have to be at the same round
        checkpoint = Checkpoint(folder / f"{checkpoints.fingerprint(params, [*training, *validation])}.ubj")
        begun = checkpoint.go_on(callbacks)
        callbacks.append(checkpoint)
    return xgb.train(
        {"tree_method": "hist", "nthread": threads, **_of_xgboost(params), **classes},
        train_set,
        num_boost_round=rounds - (begun.num_boosted_rounds() if begun else 0),
        evals=[(train_set, "train"), (xgb.QuantileDMatrix(*validation, ref=train_set, **about), "validation")],
        callbacks=callbacks,
        verbose_eval=False,
        xgb_model=begun,
    )


def _of_xgboost(params: Mapping[str, Any]) -> dict[str, Any]:
    """The hyperparameters that XGBoost knows; a tuning job adds `_tuning_objective_metric`."""
    return {name: value for name, value in params.items() if name not in OURS and not name.startswith("_tuning")}


def _choose_threshold(booster: xgb.Booster, validation: Matrix, section: Any) -> float:
    """From which probability on a row counts as positive."""
    return threshold(validation[1], booster.inplace_predict(validation[0]), _rule(section))


def _rule(section: Any) -> Rule:
    return Rule.read(json.loads(section) if isinstance(section, str) else section)


class MetricLines(xgb.callback.TrainingCallback):  # type: ignore[misc]  # XGBoost has no types
    """Prints `[12]	train-logloss:0.1	validation-logloss:0.2`, the lines that the metric definitions look for."""

    def before_training(self, model: Any) -> Any:
        """Called by XGBoost; a training that goes on has rounds behind it."""
        self._begun = model.num_boosted_rounds()
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002
        """Called by XGBoost after each round."""
        values = [f"{data}-{name}:{log[-1]:.6f}" for data, logs in evals_log.items() for name, log in logs.items()]
        print("\t".join([f"[{self._begun + epoch}]", *values]), flush=True)
        return False


def _callbacks(params: Mapping[str, Any], *, first: bool) -> list[xgb.callback.TrainingCallback]:
    chosen: list[xgb.callback.TrainingCallback] = [MetricLines()] if first else []
    if patience := int(params.get("early_stopping_rounds", 0)):
        chosen.append(xgb.callback.EarlyStopping(rounds=patience, data_name="validation", save_best=True))
    return chosen


def _weights(labels: NDArray[np.float32], wanted: Any, classes: int, world: int) -> NDArray[np.float32] | None:
    """The weight of each row; `balanced` gives all classes the total of the first, over all hosts."""
    if wanted == 1:
        return None
    if wanted != "balanced":
        return np.where(labels == 1, np.float32(wanted), np.float32(1))
    counts = np.bincount(labels.astype(np.int64), minlength=classes).astype(np.float64)
    if world > 1:
        from xgboost import collective

        counts = collective.allreduce(counts, collective.Op.SUM)
    weights: NDArray[np.float32] = (counts[0] / np.maximum(counts, 1)).astype(np.float32)[labels.astype(np.int64)]
    return weights


def save(model: Model, channels: Channels, serving_code: Path, model_dir: Path) -> None:
    """Everything the endpoint needs: the model, its encoder, the code that serves them; and how its rows were split.

    What a model.py has saved is loaded again, as the endpoint will: it must answer the same. Raises JobError.
    """
    encoder_dir = channels.encoder
    if not (serving_code / "inference.py").exists():
        raise JobError(f"{serving_code}/inference.py is missing: the model could not be served")
    model_dir.mkdir(parents=True, exist_ok=True)
    model.target.save(model_dir)
    shutil.copyfile(encoder_dir / ENCODER_FILE, model_dir / ENCODER_FILE)
    if dealt := Dealt.load(encoder_dir):
        dealt.save(model_dir)
    shutil.copytree(serving_code, model_dir / "code", dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    if model.own is None:
        model.booster.save_model(model_dir / f"{MODEL_FILE}.ubj")
        (model_dir / f"{MODEL_FILE}.ubj").rename(model_dir / MODEL_FILE)
        return
    from slipway.tabular import own_model

    model.own.save(model_dir / own_model.FOLDER)
    again = Model.load(model_dir)
    rows = next(parts.pieces(channels.validation, list(model.encoder.raw.categories)))
    if again.own:
        own_model.check_again(model.own, again.own, again.encode(rows.slice(0, own_model.COMPARED)), model.target)


def model_dir(environment: Mapping[str, str] = os.environ) -> Path:
    """SM_MODEL_DIR: what lies there when the job ends becomes model.tar.gz."""
    return Path(environment.get("SM_MODEL_DIR", ml_path("model")))
