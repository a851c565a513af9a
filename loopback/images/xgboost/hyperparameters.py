"""What the XGBoost container accepts as hyperparameters, as a table, and its words for the rest."""

import ast
from collections.abc import Callable, Mapping
from typing import Any

Rule = Callable[[str, str], Any]  # name, text -> value; raises UserError


class UserError(Exception):
    """Bad input or hyperparameters: the customer's to repair. The container's class of the same name."""


def _number(low: float | None = None, high: float | None = None, ends: str = "[]") -> Rule:
    def read(name: str, text: str) -> float:
        return _within(name, text, _parse(name, text, float), low, high, ends)

    return read


def _integer(low: int | None = None, high: int | None = None) -> Rule:
    def read(name: str, text: str) -> int:
        return int(_within(name, text, _parse(name, text, int), low, high, "[]"))

    return read


def _parse(name: str, text: str, kind: Callable[[str], float]) -> float:
    try:
        return kind(text)
    except ValueError:
        raise UserError(f"Hyperparameter {name}: could not parse value") from None


def _within(name: str, text: str, value: float, low: float | None, high: float | None, ends: str) -> float:
    above = low is None or value > low or (ends[0] == "[" and value == low)
    below = high is None or value < high or (ends[1] == "]" and value == high)
    if above and below:
        return value
    left = "(-inf" if low is None else f"{ends[0]}{low}"
    right = "+inf)" if high is None else f"{high}{ends[1]}"
    raise UserError(f"Hyperparameter {name}: value {text} not in range {left}, {right}")


def _one_of(*allowed: str) -> Rule:
    def read(name: str, text: str) -> str:
        if text not in allowed:
            raise UserError(f"Hyperparameter {name}: value {text} not in range {list(allowed)}")
        return text

    return read


def _list_of(*allowed: str) -> Rule:
    def read(name: str, text: str) -> list[str]:
        parts = [part.strip() for part in text.split(",")]
        for part in parts:
            if part not in allowed and part.partition("@")[0] not in {"error", "ndcg", "map"} & set(allowed):
                raise UserError(f"Hyperparameter {name}: value {text} not in range {list(allowed)}")
        return parts

    return read


def _structure(name: str, text: str) -> str:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        raise UserError(f"Hyperparameter {name}: could not parse value") from None
    return text


OBJECTIVES = (
    "aft_loss_distribution",
    "binary:logistic",
    "binary:logitraw",
    "binary:hinge",
    "count:poisson",
    "multi:softmax",
    "multi:softprob",
    "rank:pairwise",
    "rank:ndcg",
    "rank:map",
    "reg:linear",
    "reg:squarederror",
    "reg:logistic",
    "reg:gamma",
    "reg:pseudohubererror",
    "reg:squaredlogerror",
    "reg:absoluteerror",
    "reg:tweedie",
    "survival:aft",
    "survival:cox",
)
COMPUTED_MAXIMISED = (
    "accuracy",
    "balanced_accuracy",
    "f1",
    "f1_binary",
    "f1_macro",
    "precision",
    "r2",
    "recall",
    "precision_macro",
    "precision_micro",
    "recall_macro",
    "recall_micro",
)
COMPUTED = (*COMPUTED_MAXIMISED, "mse")
MAXIMISED = (*COMPUTED_MAXIMISED, "auc", "aucpr", "map", "ndcg")
MINIMISED = (
    "aft-nloglik",
    "cox-nloglik",
    "error",
    "gamma-deviance",
    "gamma-nloglik",
    "interval-regression-accuracy",
    "logloss",
    "mae",
    "mape",
    "merror",
    "mlogloss",
    "mphe",
    "mse",
    "poisson-nloglik",
    "rmse",
    "rmsle",
    "tweedie-nloglik",
)
UPDATERS = (
    "grow_colmaker",
    "distcol",
    "grow_histmaker",
    "grow_skmaker",
    "grow_quantile_histmaker",
    "sync",
    "refresh",
    "prune",
    "shotgun",
    "coord_descent",
)

_FLAG, _COUNT, _SIZE = _integer(0, 1), _integer(1), _integer(0)
_POSITIVE, _PART, _UNIT = _number(0), _number(0, 1, "(]"), _number(0, 1)
_BOOLEAN = _one_of("true", "false")

RULES: Mapping[str, Rule] = {
    "num_round": _COUNT,
    **dict.fromkeys(("csv_weights", "refresh_leaf", "one_drop"), _FLAG),
    **dict.fromkeys(("early_stopping_rounds", "nthread", "num_parallel_tree", "_num_cv_round"), _COUNT),
    **dict.fromkeys(("max_depth", "max_leaves", "max_bin"), _SIZE),
    **dict.fromkeys(("gamma", "min_child_weight", "max_delta_step", "lambda", "alpha", "base_score"), _POSITIVE),
    **dict.fromkeys(("subsample", "colsample_bytree", "colsample_bylevel", "colsample_bynode"), _PART),
    **dict.fromkeys(("eta", "rate_drop", "skip_drop", "lambda_bias"), _UNIT),
    **dict.fromkeys(("save_model_on_termination", "deterministic_histogram", "use_dask_gpu_training"), _BOOLEAN),
    "booster": _one_of("gbtree", "gblinear", "dart"),
    "verbosity": _integer(0, 3),
    "tree_method": _one_of("auto", "exact", "approx", "hist", "gpu_hist"),
    "sketch_eps": _number(0, 1, "()"),
    "scale_pos_weight": _number(0, None, "()"),
    "updater": _list_of(*UPDATERS),
    "dsplit": _one_of("row", "col"),
    "process_type": _one_of("default", "update"),
    "grow_policy": _one_of("depthwise", "lossguide"),
    "predictor": _one_of("auto", "cpu_predictor", "gpu_predictor"),
    "monotone_constraints": _structure,
    "interaction_constraints": _structure,
    "sample_type": _one_of("uniform", "weighted"),
    "normalize_type": _one_of("tree", "forest"),
    "tweedie_variance_power": _number(1, 2, "()"),
    "objective": _one_of(*OBJECTIVES),
    "num_class": _integer(2),
    "eval_metric": _list_of(*dict.fromkeys((*MAXIMISED, *MINIMISED))),
    "_kfold": _integer(2),
    "_tuning_objective_metric": _one_of(*(f"validation:{metric}" for metric in (*MAXIMISED, *MINIMISED))),
    "seed": _integer(-(2**31), 2**31 - 1),
    "aft_loss_distribution": _one_of("normal", "logistic", "extreme"),
    "aft_loss_distribution_scale": _POSITIVE,
    "sampling_method": _one_of("uniform", "gradient_based"),
    "prob_buffer_row": _number(1, None, "()"),
}
ALIASES = {
    "learning_rate": "eta",
    "min_split_loss": "gamma",
    "reg_lambda": "lambda",
    "reg_alpha": "alpha",
}
SILENT_ENDED = (1, 2)  # the version that has only `verbosity`
NOT_HERE = {
    "_kfold": "k-fold cross validation",
    "_num_cv_round": "k-fold cross validation",
    "use_dask_gpu_training": "training on GPUs with Dask",
}


def validate(given: Mapping[str, str], version: tuple[int, int]) -> dict[str, Any]:
    """The hyperparameters as values, by their main names, for an image with that xgboost. Raises UserError."""
    named = {ALIASES.get(name, name): text for name, text in given.items() if not name.startswith("sagemaker_")}
    if version < SILENT_ENDED:
        named.pop("silent", None)
    for name in named:
        if name not in RULES:
            raise UserError(f"Extraneous hyperparameter found: {name}")
    if "num_round" not in named:
        raise UserError("Missing required hyperparameter: num_round")
    values = {name: RULES[name](name, str(text)) for name, text in named.items()}
    _check_together(values)
    for name, what in NOT_HERE.items():
        if values.get(name) not in {None, "false"}:
            raise UserError(f"Hyperparameter {name}: {what} is not run here")
    return values


def _check_together(values: Mapping[str, Any]) -> None:
    """The rules between hyperparameters."""
    objective, metrics = values.get("objective", "reg:squarederror"), values.get("eval_metric", [])
    method = values.get("tree_method", "auto")
    if objective.startswith("multi:") and "num_class" not in values:
        raise UserError("Require input for parameter 'num_class' for multi-classification")
    if "auc" in metrics and not objective.startswith(("binary:", "rank:")):
        raise UserError("Metric 'auc' can only be applied for classification and ranking problems.")
    if "aft-nloglik" in metrics and objective != "survival:aft":
        raise UserError("Metric 'aft-nloglik' can only be applied for survival analysis with survival:aft")
    for name, methods in (
        ("monotone_constraints", ("exact", "hist")),
        ("interaction_constraints", ("exact", "hist", "approx")),
    ):
        if name in values and method not in methods:
            raise UserError(f"{name} can be used only when the tree_method parameter is set to {' or '.join(methods)}")
    _check_updater(values)


def _check_updater(values: Mapping[str, Any]) -> None:
    updaters = values.get("updater", [])
    linear = {"shotgun", "coord_descent"}
    if values.get("booster") == "gblinear":
        if updaters and (len(updaters) != 1 or updaters[0] not in linear):
            raise UserError("Linear updater should be one of these options: 'shotgun', 'coord_descent'.")
        return
    if linear & set(updaters):
        raise UserError("Linear updaters can be used only with booster gblinear")
    if values.get("process_type") == "update" and set(updaters) - {"refresh", "prune"}:
        raise UserError("process_type 'update' can only be used with updater 'refresh' and 'prune'")
    if sum(updater.startswith("grow_") for updater in updaters) > 1:
        raise UserError("Only one tree grow plugin can be selected. Choose one from updaters with grow_*")


def training_parameters(values: Mapping[str, Any]) -> dict[str, Any]:
    """What goes to `xgboost.train` as parameters: everything but what steers the container around it."""
    around = {
        *(
            "num_round",
            "csv_weights",
            "early_stopping_rounds",
            "save_model_on_termination",
            "eval_metric",
            "prob_buffer_row",
        ),
        *(
            "_tuning_objective_metric",
            "deterministic_histogram",
            "use_dask_gpu_training",
            "dsplit",
            "predictor",
            "sketch_eps",
        ),
    }
    found = {name: value for name, value in values.items() if name not in around}
    if "updater" in found:
        found["updater"] = ",".join(found["updater"])
    if found.get("objective") == "reg:linear":
        found["objective"] = "reg:squarederror"  # its name since xgboost 0.90
    return found


def metrics_of(values: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The evaluation metrics in the order given: (those of xgboost, those computed with scikit-learn)."""
    wanted = list(values.get("eval_metric", []))
    tuned = values.get("_tuning_objective_metric", "").removeprefix("validation:")
    if tuned and tuned not in wanted:
        wanted.append(tuned)
    return [name for name in wanted if name not in COMPUTED], [name for name in wanted if name in COMPUTED]
