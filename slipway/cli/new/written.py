"""The files of a new pipeline: config.yml from what was guessed, the scripts of the sample that is nearer, a test."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from slipway.cli.new.guess import Guess
from slipway.cli.new.table import Table
from slipway.cli.target import UserError

SAMPLES = {True: "churn", False: "abalone"}  # by whether it is a classification
SCRIPTS = ("__init__", "pipeline", "prepare", "train", "evaluate", "inference")
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]*[A-Za-z0-9_]|[A-Za-z_]")
YAML_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null", "none")
CLEAN = '''def clean(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Rows that may be learned from: leave others out here.

    Requests to the endpoint do not pass through it, so a column or value that it adds or changes is refused:
    features.py is for those.
    """
    return batch
'''
FIRST_LINES = {
    "__init__": '"""{title}. `pipeline.py` is the graph, the other files run inside its jobs."""',
    "pipeline": '"""{title}: train boosted trees; register a model that is good enough, and no worse than the last.',
    "prepare": '"""Prepare: raw files in; typed splits, encoder, monitoring baseline and golden requests out."""',
    "train": '"""Train: gradient-boosted trees. Runs on one host or on several."""',
    "inference": '"""Inference: what the XGBoost container calls. Raw rows in, {answer} out.',
}


def files(name: str, table: Table, guess: Guess, samples: Path) -> dict[str, str]:
    """Everything to write, by its place in the project; `samples` is a folder pipelines/ with churn and abalone."""
    made = {f"pipelines/{name}/config.yml": config(name, table, guess)}
    for script in SCRIPTS:
        sample = samples / SAMPLES[guess.is_classification] / f"{script}.py"
        try:
            text = sample.read_text()
        except OSError as fault:
            raise UserError(f"{sample} can't be read ({fault.strerror}): a new pipeline starts from it") from None
        made[f"pipelines/{name}/{script}.py"] = _adapted(script, text, name, guess)
    made[f"tests/test_{name}.py"] = Path(__file__).with_name("test.py.txt").read_text().replace("PIPELINE", name)
    return made


def _adapted(script: str, text: str, name: str, guess: Guess) -> str:
    """A sample's script without what is said in it about the sample."""
    if script in FIRST_LINES:
        answer = f"the probability of {guess.positive!r}" if guess.is_classification else "a number"
        first = FIRST_LINES[script].format(title=name.capitalize(), answer=answer)
        text = first + "\n" + text.partition("\n")[2]
    if script == "train":
        return _replaced(text, r'tracking\.run\(".*?"', f'tracking.run("{name}"', script)
    if script == "prepare":
        text = text.replace("import pyarrow.compute as pc\n", "")
        return _replaced(text, r"^def clean\(.*?(?=\n\n\n)", CLEAN.rstrip(), script)
    if script == "inference":
        return _replaced(text, r'"""One [a-z ]*? for each row', '"""One prediction for each row', script)
    if script == "evaluate" and guess.is_classification:
        names = json.dumps([guess.negative, guess.positive], ensure_ascii=False)[1:-1]
        return re.sub(r'\("stays", "leaves"\)', lambda _: f"({names})", text)
    return text


def _replaced(text: str, pattern: str, by: str, script: str) -> str:
    made, times = re.subn(pattern, lambda _: by, text, count=1, flags=re.MULTILINE | re.DOTALL)
    if times != 1:
        raise UserError(f"the sample's {script}.py has been changed, so that a new pipeline can't start from it")
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
    width = max(len(quoted(purpose.name)) + len(purpose.kind) for purpose in guess.columns)
    for purpose in guess.columns:
        entry = f"{quoted(purpose.name)}: {purpose.kind}"
        yield f"    {entry:<{width + 2}}    # {_one_line(purpose.why)}"
    if guess.is_classification:
        yield "  label:    # case and a final dot don't count; several spellings may be listed"
        yield f"    positive: [{json.dumps(guess.positive, ensure_ascii=False)}]"
        yield f"    negative: [{json.dumps(guess.negative, ensure_ascii=False)}]"
    yield f"  minimum_rows: {max(10, min(500, table.rows // 2))}    # fewer are refused; there were {table.rows}"
    yield "split: {train: 0.7, validation: 0.15, test: 0.15, seed: 20}"
    slices = [quoted(column) for column in _slices(table, guess)]
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


def quoted(name: str) -> str:
    """A name as YAML reads it as that text."""
    if PLAIN.fullmatch(name) and name.lower() not in YAML_WORDS:
        return name
    return json.dumps(name, ensure_ascii=False)


def _one_line(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:100]
