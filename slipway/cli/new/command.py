"""Look at a table, say what was found in it, and write a pipeline for it; what is there already stays."""

import re
import shlex
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

from slipway.cli import screen
from slipway.cli.checkout import Checkout
from slipway.cli.new import guess as guessing
from slipway.cli.new import table as tables
from slipway.cli.new import written
from slipway.cli.new.guess import Guess
from slipway.cli.new.table import Table
from slipway.cli.target import UserError, WrongUsage
from slipway.cli.template import find_installed
from slipway.tabular.kinds import SECTIONS

NAME = re.compile(r"[a-z][a-z0-9]{0,29}")  # a module, and a part of the names of AWS's resources, which have no _
TAKEN = ("tabular", "test")


@dataclass(frozen=True)
class Wish:
    """What the command line says."""

    name: str
    data: Path
    label: str = ""
    positive: str = ""
    problem: str = ""
    own_model: bool = False


def new(checkout: Checkout, wish: Wish, *, as_json: bool) -> int:
    """Write the pipeline; 0."""
    _check_name(checkout, wish.name)
    if wish.problem and wish.problem not in SECTIONS:
        raise WrongUsage(f"--problem {wish.problem}: there are {', '.join(SECTIONS)}")
    table = tables.read(wish.data)
    guess = guessing.guess(table.columns, wish.label, wish.positive, wish.problem)
    made = written.files(wish.name, table, guess, _samples(checkout), own=wish.own_model)
    copy = checkout.root / ".slipway" / "data" / f"{wish.name}.csv"
    there = [name for name in made if (checkout.root / name).exists()]
    if table.delimiter != "," and copy.exists():
        there.append(str(copy.relative_to(checkout.root)))
    if there:
        raise UserError("\n".join(["There is already, and nothing was written:", *screen.first_lines(there)]))
    data = wish.data
    if table.delimiter != ",":
        tables.write_with_commas(table, copy)
        data = copy
    for name, text in made.items():
        path = checkout.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    if as_json:
        screen.show_json(_dump(wish, table, guess, data, list(made)))
    else:
        _show(checkout, wish, table, guess, data, list(made))
    return 0


def _check_name(checkout: Checkout, name: str) -> None:
    if not NAME.fullmatch(name) or name in TAKEN:
        raise WrongUsage(f"{name!r} can't name a pipeline: lower-case letters and digits, a letter first, at most 30")
    if (checkout.root / "pipelines" / name).exists() or (checkout.root / "pipelines" / f"{name}.py").exists():
        raise UserError(f"{checkout.root / 'pipelines' / name} is there already; choose another name")


def _samples(checkout: Checkout) -> Traversable:
    """A folder with the sample pipelines: the checkout's, or that of the template that slipway came with."""
    own = checkout.root / "pipelines"
    return own if (own / written.SAMPLE / "pipeline.py").is_file() else find_installed().tree() / "pipelines"


def _dump(wish: Wish, table: Table, guess: Guess, data: Path, made: list[str]) -> dict[str, object]:
    return {
        "pipeline": wish.name,
        "rows": table.rows,
        "delimiter": table.delimiter,
        "header": table.header,
        "columns": {purpose.name: {"type": purpose.kind, "why": purpose.why} for purpose in guess.columns},
        "problem": guess.problem,
        "label": {
            "column": guess.label.name,
            "positive": guess.positive,
            "negative": guess.negative,
            "classes": [*guess.classes],
        },
        "data": str(data),
        "files": made,
    }


def _show(checkout: Checkout, wish: Wish, table: Table, guess: Guess, data: Path, made: list[str]) -> None:
    header = "a header" if table.header else "no header"
    screen.say(f"project {checkout.root}")
    screen.say(f"{wish.data}: {table.rows} rows, separated by {table.delimiter!r}, {header}\n")
    rows = [(purpose.name, purpose.kind, purpose.why) for purpose in guess.columns]
    screen.console.print(screen.table(("column", "taken as", "because"), rows))
    if data != wish.data:
        screen.say(f"\npipelines read commas: a copy with them is {data}")
    screen.say("\nwritten")
    for name in made:
        screen.say(f"  {checkout.root / name}")
    screen.say("\nnext")
    screen.say(f"  change what is guessed wrongly in {checkout.root / 'pipelines' / wish.name / 'config.yml'}")
    made_of = checkout.root / "pipelines" / wish.name / "features.py"
    screen.say(f"  columns made of these, as ratios and buckets, are features(rows) in {made_of}: docs/pipelines.md")
    if wish.own_model:
        own = checkout.root / "pipelines" / wish.name / "model.py"
        screen.say(f"  the model is what fit(), predict(), save() and load() make it in {own}: docs/models.md")
    screen.say(f"  slipway run {wish.name} --data {shlex.quote(str(data))}    # train, judge, register")
    screen.say(f"  python -m pytest tests/test_{wish.name}.py    # the same on made-up rows, in seconds")
