"""What the columns of a table are for: a guess that is shown, and that config.yml says in words to change. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from slipway.cli.new.table import Column
from slipway.cli.target import WrongUsage
from slipway.tabular import cells
from slipway.tabular.kinds import BINARY, MULTICLASS, REGRESSION

LABELS = (
    *("label", "target", "class", "outcome", "y", "response", "result", "churn", "churned", "default", "fraud"),
    *("isfraud", "survived", "converted", "clicked", "attrition", "exited", "diagnosis", "quality", "price"),
)
YES = ("1", "true", "yes", "y", "t", "positive", "pos", "p", "bad", "fraud", "churned", "left", "malignant", "m")
IDENTIFIERS = re.compile(r"(^|[\W_])(id|uuid|guid|key|phone|email|e-mail|ssn|iban)$|Id$|ID$", re.ASCII)
DATE = re.compile(r"\d{4}-\d\d?-\d\d?([T ].*)?|\d\d?[./]\d\d?[./]\d{2,4}( .*)?")
MOST_CATEGORIES = 200
FEW = 10  # different labels, which may be numbers of classes
MOST_CLASSES = 100  # different texts; more are no classes
ROWS_A_CLASS = 5  # fewer leave none for one of the three parts


@dataclass(frozen=True)
class Purpose:
    """What a column is for: its type in config.yml, and why."""

    name: str
    kind: str
    why: str


@dataclass(frozen=True)
class Guess:
    """All columns, and of a classification which labels mean yes and no, or all classes."""

    columns: tuple[Purpose, ...]
    label: Column
    positive: str = ""
    negative: str = ""
    classes: tuple[str, ...] = ()

    @property
    def problem(self) -> str:
        """What the label is: yes or no, one of several classes, or a number."""
        return MULTICLASS if self.classes else BINARY if self.positive else REGRESSION


def guess(columns: Sequence[Column], label: str = "", positive: str = "", problem: str = "") -> Guess:
    """Raises WrongUsage where nothing can be learned, or a value would be read as another.

    `label`, `positive` and `problem` are what the command line says; nothing: they are guessed.
    """
    chosen = _label(columns, label)
    problem = _problem(chosen, problem, positive)
    yes, no = _yes_and_no(chosen, positive) if problem == BINARY else ("", "")
    classes = _order_classes(chosen) if problem == MULTICLASS else ()
    said = _describe_label(chosen, yes, no, classes)
    purposes = tuple(
        Purpose(column.name, "label", said) if column is chosen else _purpose(column) for column in columns
    )
    if not any(purpose.kind in ("number", "category") for purpose in purposes):
        raise WrongUsage("no column is left to learn from: " + "; ".join(f"{p.name}: {p.why}" for p in purposes))
    return Guess(purposes, chosen, yes, no, classes)


def _label(columns: Sequence[Column], wanted: str) -> Column:
    if wanted:
        found = [c for c in columns if c.name == wanted] or [
            c for c in columns if cells.spelling(c.name) == cells.spelling(wanted)
        ]
        if not found:
            known = ", ".join(column.name for column in columns)
            raise WrongUsage(f"--label {wanted}: there is no such column; there are {known}")
        return found[0]
    named = [column for column in columns if cells.spelling(column.name) in LABELS]
    return named[-1] if named else columns[-1]


def _problem(label: Column, wanted: str, positive: str) -> str:
    """What the label is; what the command line wants of it must be possible."""
    if label.missing:
        raise WrongUsage(
            f"label {label.name!r} is missing in {label.missing} of {label.rows} rows: leave these rows out of the "
            "file, or choose another column with --label"
        )
    if len(label.values) < 2:
        raise WrongUsage(f"all labels in column {label.name!r} are equal: choose another column with --label")
    count = f"{len(label.values)}{' or more' * label.is_varied}"
    if positive and (len(label.values) != 2 or wanted not in ("", BINARY)):
        raise WrongUsage(f"--positive is for a label of two values; {label.name!r} has {count}")
    if wanted == REGRESSION and not label.is_number:
        raise WrongUsage(f"--problem {wanted}: label {label.name!r} holds other than numbers")
    if wanted == BINARY and len(label.values) != 2:
        raise WrongUsage(f"--problem {wanted}: label {label.name!r} has {count} values, not two")
    if wanted == MULTICLASS and len(label.values) == 2:
        raise WrongUsage(f"--problem {wanted}: label {label.name!r} has two values, of which one is yes: leave it out")
    found = wanted or _likely(label)
    if found == MULTICLASS:
        _check_classes(label, count)
    return found


def _likely(label: Column) -> str:
    """Two values are a yes or no, texts are classes, and so are numbers that count a few from 0 or 1 on."""
    if len(label.values) == 2:
        return BINARY
    if not label.is_number:
        return MULTICLASS
    size = len(label.values)
    counted = size <= FEW and label.whole == label.numbers and label.present >= size * ROWS_A_CLASS
    return MULTICLASS if counted and set(label.values) in (_from(0, size), _from(1, size)) else REGRESSION


def _from(first: int, size: int) -> set[str]:
    return {str(number) for number in range(first, first + size)}


def _check_classes(label: Column, count: str) -> None:
    shown = ", ".join(list(label.values)[:5])
    if len(label.values) > MOST_CLASSES:
        raise WrongUsage(
            f"label {label.name!r} has {count} values ({shown}, ...): too many for classes. Choose another column "
            "with --label, or gather the rare ones in one"
        )
    if rare := [value for value, rows in label.values.items() if rows < ROWS_A_CLASS]:
        named = ", ".join(map(repr, rare[:5])) + ", ..." * (len(rare) > 5)
        raise WrongUsage(
            f"label {label.name!r} has fewer than {ROWS_A_CLASS} rows of {named}: each class needs some for training, "
            "validation and test. Leave these rows out, gather them in one class, or choose another column with --label"
        )


def _order_classes(label: Column) -> tuple[str, ...]:
    """The classes: numbers by size, texts by the alphabet."""
    return tuple(sorted(label.values, key=(lambda value: (float(value), "")) if label.is_number else str))


def _yes_and_no(label: Column, positive: str) -> tuple[str, str]:
    if positive:
        found = [value for value in label.values if cells.label(value) == cells.label(positive)]
        if not found:
            raise WrongUsage(f"--positive {positive}: column {label.name!r} has {' and '.join(label.values)}")
    else:
        found = [value for value in label.values if cells.label(value) in YES]
    if len(found) != 1:  # neither word is known, or both: what is rarer is what one looks for
        found = sorted(label.values, key=lambda value: (label.values[value], value))
    return found[0], next(value for value in label.values if value != found[0])


def _describe_label(label: Column, yes: str, no: str, classes: Sequence[str]) -> str:
    if classes:
        least = min(label.values, key=lambda value: label.values[value])
        share = label.values[least] / label.present
        number = "; a number: --problem regression" * label.is_number
        return f"one of {len(classes)} classes, the rarest {least!r} ({share:.1%} of the rows){number}"
    if not yes and len(label.values) <= FEW and label.whole == label.numbers:
        return f"a number to predict; its {len(label.values)} values are classes: --problem multiclass"
    if not yes:
        return f"a number to predict ({len(label.values)}{' or more' * label.is_varied} different)"
    share = label.values[yes] / label.present
    return f"{yes!r} is yes ({share:.1%} of the rows), {no!r} is no"


def _purpose(column: Column) -> Purpose:
    """A number, a category, or an identifier, which the model never sees."""
    different = len(column.values)
    if column.decimal_commas and column.decimal_commas + column.numbers == column.present:
        raise WrongUsage(f"column {column.name!r} writes decimals with a comma; write them with a point")
    if not column.present:
        return Purpose(column.name, "identifier", "empty: nothing to learn")
    unique = different == column.present or column.is_varied
    if column.is_number:
        if unique and column.whole == column.numbers and IDENTIFIERS.search(column.name):
            return Purpose(column.name, "identifier", "a whole number of its own in each row, and its name")
        return Purpose(column.name, "number", _missing(column) or f"{different}{' or more' * column.is_varied} values")
    if all(DATE.fullmatch(value) for value in list(column.values)[:100]):
        return Purpose(column.name, "identifier", "dates: no number and no category")
    if different > MOST_CATEGORIES or (different > 20 and different * 2 > column.present):
        return Purpose(column.name, "identifier", f"text, {different}{' or more' * column.is_varied} values: too many")
    shown = ", ".join(sorted(column.values)[:3])
    return Purpose(column.name, "category", f"{different} values: {shown}{', ...' if different > 3 else ''}")


def _missing(column: Column) -> str:
    return f"{column.missing} of {column.rows} missing" if column.missing else ""
