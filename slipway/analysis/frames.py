"""A table to analyze: which of its columns are features, label and answer; every cell is as it came."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from slipway.analysis.errors import BadInput


@dataclass(frozen=True)
class Dataset:
    """`features` are the columns that a model is asked with, in its order.

    `predicted` is the column with its answer where the data have one, `joined_by` the one with identifiers.
    """

    frame: pd.DataFrame
    features: tuple[str, ...]
    label: str | None = None
    predicted: str | None = None
    joined_by: str | None = None

    def column(self, name_or_index: str | int, what: str) -> str:
        """The name of a column. Raises BadInput, saying what names it, where there is none."""
        columns = list(self.frame.columns)
        if isinstance(name_or_index, int) and name_or_index < len(columns):
            return str(columns[name_or_index])
        if name_or_index in columns:
            return str(name_or_index)
        raise BadInput(f"{what} is {name_or_index!r}; the data have the columns {', '.join(map(str, columns))}")


def numbers(column: pd.Series) -> pd.Series | None:
    """The column as numbers, or None where one of its values is none."""
    found = pd.to_numeric(column, errors="coerce")
    texts = column.map(lambda value: isinstance(value, bool))
    return None if texts.any() or bool((found.isna() & column.notna()).any()) else found


def are_classes(label: pd.Series) -> bool:
    """Whether a label says one of some classes, and not how much: texts, or at most two different numbers."""
    found = numbers(label)
    return found is None or found.nunique() <= 2
