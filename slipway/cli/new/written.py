"""The files of a new pipeline: config.yml from what was guessed, the graph of the sample, a test."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from slipway.cli.new.guess import Guess
from slipway.cli.new.table import Table
from slipway.cli.target import UserError

FILES = ("__init__", "pipeline")  # of a sample: the graph is the same whatever is predicted
SAMPLE = "churn"
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]*[A-Za-z0-9_]|[A-Za-z_]")
YAML_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null", "none")
FIRST_LINES = {
    "__init__": '"""{title}. `pipeline.py` is the graph, config.yml what may be tuned."""',
    "pipeline": '"""{title}: train boosted trees; register a model that is good enough, and no worse than the last.',
}


def files(name: str, table: Table, guess: Guess, samples: Path) -> dict[str, str]:
    """Everything to write, by its place in the project; `samples` is a folder pipelines/ with the sample."""
    made = {f"pipelines/{name}/config.yml": config(name, table, guess)}
    for script in FILES:
        sample = samples / SAMPLE / f"{script}.py"
        try:
            text = sample.read_text()
        except OSError as fault:
            raise UserError(f"{sample} can't be read ({fault.strerror}): a new pipeline starts from it") from None
        first = FIRST_LINES[script].format(title=name.capitalize())
        made[f"pipelines/{name}/{script}.py"] = first + "\n" + text.partition("\n")[2]
    made[f"tests/test_{name}.py"] = Path(__file__).with_name("test.py.txt").read_text().replace("PIPELINE", name)
    return made


def config(name: str, table: Table, guess: Guess) -> str:
    """config.yml with a comment where somebody may want it otherwise."""
    return "\n".join(_config(name, table, guess)) + "\n"


def _config(name: str, table: Table, guess: Guess) -> Iterator[str]:
    yield "# yaml-language-server: $schema=../config.schema.json"
    yield "data:"
    yield f"  url: data/{name}/    # below the artifact bucket, or a whole s3:// URI"
    yield f"  header: {str(table.header).lower()}"
    yield "  columns:    # number, category, label, or identifier, which the model never sees; in the order of the file"
    width = max(len(quote(purpose.name)) + len(purpose.kind) for purpose in guess.columns)
    for purpose in guess.columns:
        entry = f"{quote(purpose.name)}: {purpose.kind}"
        yield f"    {entry:<{width + 2}}    # {_one_line(purpose.why)}"
    if guess.is_classification:
        yield "  label:    # case and a final dot don't count; several spellings may be listed"
        yield f"    positive: [{json.dumps(guess.positive, ensure_ascii=False)}]"
        yield f"    negative: [{json.dumps(guess.negative, ensure_ascii=False)}]"
    yield f"  minimum_rows: {max(10, min(500, table.rows // 2))}    # fewer are refused; there were {table.rows}"
    yield "split: {train: 0.7, validation: 0.15, test: 0.15, seed: 20}"
    slices = [quote(column) for column in _slices(table, guess)]
    yield f"slices: [{', '.join(slices)}]    # columns whose values get metrics of their own"
    yield "hyperparameters:    # XGBoost's, by XGBoost's names"
    settings: Mapping[str, object] = {
        "num_round": 400,
        "early_stopping_rounds": 20,
        "eta": 0.1,
        "max_depth": 5,
        "subsample": 0.9,
        "colsample_bytree": 0.8,
        "eval_metric": "logloss" if guess.is_classification else "rmse",
        "seed": 20,
    }
    yield from (f"  {key}: {value}" for key, value in settings.items())
    if guess.is_classification:
        yield "# decision: {choose: cost, false_positive: 1, false_negative: 5}    # default: best F1"
    yield "gates:"
    if guess.is_classification:
        yield "  thresholds: {auc: 0.5}    # better than guessing: raise it to what your use of the model needs"
        yield "  champion: {metric: auc, margin: 0.01}    # how much worse than the model in production is allowed"
    else:
        yield "  thresholds: {r2: 0.0}    # better than always saying the mean: raise it to what your use needs"
        yield "  champion: {metric: r2, margin: 0.02}    # how much worse than the model in production is allowed"


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
