"""What the columns of a table are for: a guess that is shown, and that config.yml says in words to change. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from slipway.cli.new.table import Column
from slipway.cli.target import WrongUsage
from slipway.tabular import cells

LABELS = (
    *("label", "target", "class", "outcome", "y", "response", "result", "churn", "churned", "default", "fraud"),
    *("isfraud", "survived", "converted", "clicked", "attrition", "exited", "diagnosis", "quality", "price"),
)
YES = ("1", "true", "yes", "y", "t", "positive", "pos", "p", "bad", "fraud", "churned", "left", "malignant", "m")
IDENTIFIERS = re.compile(r"(^|[\W_])(id|uuid|guid|key|phone|email|e-mail|ssn|iban)$|Id$|ID$", re.ASCII)
DATE = re.compile(r"\d{4}-\d\d?-\d\d?([T ].*)?|\d\d?[./]\d\d?[./]\d{2,4}( .*)?")
MOST_CATEGORIES = 200
FEW = 10  # different labels, which may be numbers of classes


@dataclass(frozen=True)
class Purpose:
    """What a column is for: its type in config.yml, and why."""

    name: str
    kind: str
    why: str


@dataclass(frozen=True)
class Guess:
    """All columns, and of a classification which labels mean yes and no."""

    columns: tuple[Purpose, ...]
    label: Column
    positive: str = ""
    negative: str = ""

    @property
    def is_classification(self) -> bool:
        """Whether the label is one of two values rather than a number."""
        return bool(self.positive)


def guess(columns: Sequence[Column], label: str = "", positive: str = "") -> Guess:
    """Raises WrongUsage where nothing can be learned, or a value would be read as another."""
    chosen = _label(columns, label)
    yes, no = _classes(chosen, positive)
    purposes = tuple(
        Purpose(column.name, "label", _describe_label(column, yes, no)) if column is chosen else _purpose(column)
        for column in columns
    )
    if not any(purpose.kind in ("number", "category") for purpose in purposes):
        raise WrongUsage("no column is left to learn from: " + "; ".join(f"{p.name}: {p.why}" for p in purposes))
    return Guess(purposes, chosen, yes, no)


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


def _classes(label: Column, positive: str) -> tuple[str, str]:
    """The labels that mean yes and no; two empty texts for a number."""
    if label.missing:
        raise WrongUsage(
            f"label {label.name!r} is missing in {label.missing} of {label.rows} rows: leave these rows out of the "
            "file, or choose another column with --label"
        )
    if len(label.values) < 2:
        raise WrongUsage(f"all labels in column {label.name!r} are equal: choose another column with --label")
    if len(label.values) == 2:
        return _yes_and_no(label, positive)
    if positive:
        raise WrongUsage(f"--positive is for a label of two values; {label.name!r} has {len(label.values)}")
    if not label.is_number:
        shown = ", ".join(list(label.values)[:5])
        raise WrongUsage(
            f"label {label.name!r} has {len(label.values)} values that are no numbers ({shown}, ...): pipelines learn "
            "one of two classes or a number. Choose another column with --label"
        )
    return "", ""


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


def _describe_label(label: Column, yes: str, no: str) -> str:
    if not yes and len(label.values) <= FEW and label.whole == label.numbers:
        return f"a number to predict; were its {len(label.values)} values classes: pipelines learn one of two only"
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
