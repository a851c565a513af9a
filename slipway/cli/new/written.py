"""The files of a new pipeline: config.yml from what was guessed, the graph of the sample, a test."""

import json
import re
from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path

from slipway.cli.new.guess import Guess
from slipway.cli.new.table import Table
from slipway.cli.target import UserError
from slipway.tabular.kinds import BINARY, MULTICLASS, REGRESSION

FILES = ("__init__", "pipeline")  # of a sample: the graph is the same whatever is predicted
SAMPLE = "churn"
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]*[A-Za-z0-9_]|[A-Za-z_]")
YAML_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null", "none")
FIRST_LINES = {
    "__init__": '"""{title}. `pipeline.py` is the graph, config.yml what may be tuned."""',
    "pipeline": '"""{title}: train {what}; register a model that is good enough, and no worse than the last.',
}
MODELS = {  # of scikit-learn: the estimator, how it is made, what it answers, what that is, its settings
    BINARY: (
        "LogisticRegression",
        'LogisticRegression(C=settings["C"], max_iter=2000)',
        "model.predict_proba(rows)[:, 1]",
        "The probability of yes for each row",
        {"C": 1.0},
    ),
    MULTICLASS: (
        "LogisticRegression",
        'LogisticRegression(C=settings["C"], max_iter=2000)',
        "model.predict_proba(rows)",
        "The probability of each class, in the order of data.label.classes, for each row",
        {"C": 1.0},
    ),
    REGRESSION: (
        "Ridge",
        'Ridge(alpha=settings["alpha"])',
        "model.predict(rows)",
        "A number for each row",
        {"alpha": 1.0},
    ),
}


def files(name: str, table: Table, guess: Guess, samples: Traversable, *, own: bool = False) -> dict[str, str]:
    """Everything to write, by its place in the project; `samples` is a folder pipelines/ with the sample.

    `own`: with a model.py to begin a model of one's own with.
    """
    made = {f"pipelines/{name}/config.yml": config(name, table, guess, own=own)}
    if own:
        made[f"pipelines/{name}/model.py"] = model(name, guess.problem)
    for script in FILES:
        sample = samples / SAMPLE / f"{script}.py"
        try:
            text = sample.read_text()
        except OSError as fault:
            raise UserError(f"{sample} can't be read ({fault.strerror}): a new pipeline starts from it") from None
        first = FIRST_LINES[script].format(title=name.capitalize(), what="model.py" if own else "boosted trees")
        made[f"pipelines/{name}/{script}.py"] = first + "\n" + text.partition("\n")[2]
    made[f"tests/test_{name}.py"] = Path(__file__).with_name("test.py.txt").read_text().replace("PIPELINE", name)
    return made


def model(name: str, problem: str) -> str:
    """A model.py of scikit-learn to begin with."""
    estimator, made, answer, wanted, _ = MODELS[problem]
    text = Path(__file__).with_name("model.py.txt").read_text()
    for word, value in {
        "TITLE": name.capitalize(),
        "ESTIMATOR": estimator,
        "ESTIMATE": made,
        "ANSWER": answer,
        "WANTED": wanted,
    }.items():
        text = text.replace(word, value)
    return text


def config(name: str, table: Table, guess: Guess, *, own: bool = False) -> str:
    """config.yml with a comment where somebody may want it otherwise."""
    return "\n".join(_config(name, table, guess, own=own)) + "\n"


def _config(name: str, table: Table, guess: Guess, *, own: bool) -> Iterator[str]:
    yield "# yaml-language-server: $schema=../config.schema.json"
    yield "data:"
    yield f"  url: data/{name}/    # below the artifact bucket, or a whole s3:// URI"
    yield f"  header: {str(table.header).lower()}"
    yield "  columns:    # number, category, label, or identifier, which the model never sees; in the order of the file"
    width = max(len(quote(purpose.name)) + len(purpose.kind) for purpose in guess.columns)
    for purpose in guess.columns:
        entry = f"{quote(purpose.name)}: {purpose.kind}"
        yield f"    {entry:<{width + 2}}    # {_one_line(purpose.why)}"
    if guess.classes:
        yield "  label:    # in this order the model tells their probabilities"
        yield f"    classes: [{', '.join(json.dumps(name, ensure_ascii=False) for name in guess.classes)}]"
    if guess.positive:
        yield "  label:    # case and a final dot don't count; several spellings may be listed"
        yield f"    positive: [{json.dumps(guess.positive, ensure_ascii=False)}]"
        yield f"    negative: [{json.dumps(guess.negative, ensure_ascii=False)}]"
    yield f"  minimum_rows: {max(10, min(500, table.rows // 2))}    # fewer are refused; there were {table.rows}"
    yield "split: {train: 0.7, validation: 0.15, test: 0.15, seed: 20}"
    slices = [quote(column) for column in _slices(table, guess)]
    yield f"slices: [{', '.join(slices)}]    # columns whose values get metrics of their own"
    yield from _own_settings(guess.problem) if own else _hyperparameters(guess.problem)
    if guess.positive:
        yield "# decision: {choose: cost, false_positive: 1, false_negative: 5}    # default: best F1"
    yield "gates:"
    metric, least, than, margin = {
        BINARY: ("auc", "0.5", "guessing", 0.01),
        MULTICLASS: ("accuracy", f"{_commonest(guess):.3f}", "always saying the commonest class", 0.02),
        REGRESSION: ("r2", "0.0", "always saying the mean", 0.02),
    }[guess.problem]
    yield f"  thresholds: {{{metric}: {least}}}    # better than {than}: raise it to what your use of the model needs"
    champion = "macro_f1" if guess.classes else metric
    yield f"  champion: {{metric: {champion}, margin: {margin}}}    # how much worse than production's model is allowed"


def _commonest(guess: Guess) -> float:
    return max(guess.label.values.values()) / guess.label.present


def _own_settings(problem: str) -> Iterator[str]:
    yield "model:"
    yield "  settings:    # what fit() of model.py is given; another value trains anew"
    yield from (f"    {key}: {value}" for key, value in {**MODELS[problem][-1], "min_frequency": 5}.items())


def _hyperparameters(problem: str) -> Iterator[str]:
    yield "hyperparameters:    # XGBoost's, by XGBoost's names"
    settings: Mapping[str, object] = {
        "num_round": 400,
        "early_stopping_rounds": 20,
        "eta": 0.1,
        "max_depth": 5,
        "subsample": 0.9,
        "colsample_bytree": 0.8,
        "eval_metric": {BINARY: "logloss", MULTICLASS: "mlogloss", REGRESSION: "rmse"}[problem],
        "seed": 20,
    }
    yield from (f"  {key}: {value}" for key, value in settings.items())


def _slices(table: Table, guess: Guess) -> list[str]:
    categories = {purpose.name for purpose in guess.columns if purpose.kind == "category"}
    return [column.name for column in table.columns if column.name in categories and 2 <= len(column.values) <= 6][:2]


def quote(name: str) -> str:
    """A name as YAML reads it as that text."""
    if PLAIN.fullmatch(name) and name.lower() not in YAML_WORDS:
        return name
    return json.dumps(name, ensure_ascii=False)


def _one_line(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:100]
