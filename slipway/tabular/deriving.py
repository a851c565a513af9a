"""What Prepare does with a pipeline's features.py: checks that it is pure, and learns what its columns are."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from slipway.tabular import cells, derived, parts
from slipway.tabular.columns import Columns
from slipway.tabular.derived import BOOLEAN, CATEGORY, EMPTY, NUMBER, Derivation
from slipway.tabular.encoder import Encoder
from slipway.tabular.feature_code import FeatureError, FeatureFunction
from slipway.tabular.split import PARTS

SAMPLE = 40  # rows, beside one without a value for each column
MANY = 5_000  # rows, for a column that seems to change nothing
UNSEEN = "a category that no training row has"
Raw = dict[str, NDArray[Any]]
Made = dict[str, "pd.Series[Any]"]


def fit(
    folder: Path, raw: Encoder, columns: Columns, function: FeatureFunction, elsewhere: AbstractSet[str] = frozenset()
) -> Encoder:
    """The encoder of what features.py makes of the parts in a folder. Raises FeatureError for what can't be served.

    `elsewhere` are the columns that slices and bias are measured by: features.py need not look at them.
    """
    derivation = Derivation(raw, {}, {}, function)
    sample = _sample(folder / "train", derivation)
    _check_names(function, _derive(function, sample, columns), columns)
    _check_rows(function, sample, columns)
    _require_use(function, folder / "train", derivation, set(sample) - elsewhere, columns)
    kinds: dict[str, str] = {}
    seen: dict[str, set[str]] = {}
    for part in PARTS:
        for piece in parts.pieces(folder / part, list(raw.categories)):
            rows = derivation.columns(piece)
            for name, values in _derive(function, rows, columns).items():
                _learn(function, name, values, rows, kinds)
                if part == "train" and kinds[name] == CATEGORY:
                    seen.setdefault(name, set()).update(text for text in derived.texts_of(values) if text is not None)
    for name, kind in kinds.items():
        if kind == EMPTY:
            raise FeatureError(f"{function.place}: column {name!r} has no value in any row: nothing can use it")
    categories = {name: tuple(sorted(seen.get(name, ()))) for name, kind in kinds.items() if kind == CATEGORY}
    return Encoder(tuple(kinds), categories, raw.missing, Derivation(raw, kinds, categories, function))


def _learn(function: FeatureFunction, name: str, values: "pd.Series[Any]", rows: Raw, kinds: dict[str, str]) -> None:
    """Note a column's kind, if the model can use it and it is always the same."""
    kind = EMPTY if derived.is_empty(values) else derived.kind_of(values)
    if kind not in {NUMBER, BOOLEAN, CATEGORY, EMPTY}:
        raise FeatureError(f"{function.place}: column {name!r} is {kind}; {derived.USABLE}")
    before = kinds.get(name, EMPTY)
    if EMPTY not in {before, kind} and kind != before:
        raise FeatureError(f"{function.place}: column {name!r} is {before} for some rows and {kind} for others")
    kinds[name] = before if kind == EMPTY else kind
    if kind == NUMBER and (too_large := derived.are_infinite(derived.numbers(values))).any():
        row = derived.row_of(rows, int(np.flatnonzero(too_large)[0]))
        raise FeatureError(derived.infinite(function, name, row))


def _sample(folder: Path, derivation: Derivation, size: int = SAMPLE) -> Raw:
    """Some training rows from all over the first piece."""
    piece = next(parts.pieces(folder, list(derivation.raw.categories)))
    places = np.unique(np.linspace(0, piece.num_rows - 1, size).astype(int))
    return derivation.columns(piece.take(places))


def _derive(function: FeatureFunction, rows: Raw, columns: Columns) -> Made:
    """What features.py returns; its error names a row, and says when it looks for what no request has."""
    try:
        return derived.derive(function, rows)
    except FeatureError as error:
        for name in (columns.label, *columns.identifiers):
            if isinstance(error.__cause__, KeyError | AttributeError) and _is_about(error.__cause__, name):
                kind = "label" if name == columns.label else "identifier"
                raise FeatureError(f"{error}: it reads the {kind} {name!r}, which a request does not have") from error
        if error.__cause__ is None:
            raise
        raise FeatureError(f"{error}, {_first_failing_row(function, rows)}") from error


def _is_about(error: BaseException, name: str) -> bool:
    return name in map(str, error.args) or any(f"'{name}'" in str(each) for each in error.args)


def _first_failing_row(function: FeatureFunction, rows: Raw) -> str:
    """The first row that fails alone."""
    low, high = 0, len(next(iter(rows.values())))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _fails(function, _rows(rows, slice(low, middle))) else (middle, high)
    one = _rows(rows, slice(low, high))
    return f"in the row {derived.row_of(one, 0)}" if _fails(function, one) else "in several rows together"


def _fails(function: FeatureFunction, rows: Raw) -> bool:
    try:
        derived.derive(function, rows)
    except FeatureError:
        return True
    return False


def _rows(rows: Raw, places: Any) -> Raw:
    return {name: values[places] for name, values in rows.items()}


def _check_names(function: FeatureFunction, made: Made, columns: Columns) -> None:
    if not made:
        raise FeatureError(f"{function.place}: features() returns no column")
    taken = {cells.spelling(name): name for name in (columns.label, *columns.identifiers)}
    for name in made:
        if not isinstance(name, str) or not name.strip():
            raise FeatureError(f"{function.place}: column name {name!r} is not a text")
        if other := taken.get(cells.spelling(name)):
            kind = "label" if other == columns.label else "identifier"
            raise FeatureError(f"{function.place}: features() returns the {kind} {other!r}, which a request has not")


def _check_rows(function: FeatureFunction, sample: Raw, columns: Columns) -> None:
    """Whether each row's features come of that row alone, and of any row that a request may have."""
    rows = [("alone", row) for row in _each(sample)] + [*_odd_rows(sample)]
    alone = [_derive_alone(function, row, why, columns) for why, row in rows]
    together = {name: np.concatenate([row[name] for _, row in rows]) for name in sample}
    made, again = (_derive(function, together, columns) for _ in range(2))
    if fault := _difference(made, again):
        raise FeatureError(f"{function.place}: {fault} when it is called again: the same rows must give the same")
    backwards = _derive(function, _rows(together, slice(None, None, -1)), columns)
    if fault := _difference(made, {name: values[::-1] for name, values in backwards.items()}):
        raise FeatureError(f"{function.place}: {fault} in another order of the rows: it depends on other rows")
    for place, one in enumerate(alone):
        if fault := _difference({name: values[place : place + 1] for name, values in made.items()}, one):
            raise FeatureError(f"{function.place}: {fault} for the row alone: it depends on other rows")


def _derive_alone(function: FeatureFunction, row: Raw, why: str, columns: Columns) -> Made:
    try:
        return _derive(function, row, columns)
    except FeatureError as error:
        raise FeatureError(f"{error} ({why}: requests may be so)") from error


def _require_use(
    function: FeatureFunction, folder: Path, derivation: Derivation, names: AbstractSet[str], columns: Columns
) -> None:
    """Whether each column changes something of what is returned. Raises FeatureError: each request has to have it.

    A rare value may be all that a function looks at, so what changes nothing in the sample is tried on more rows.
    """
    unused = _find_unused(function, _sample(folder, derivation), names, columns)
    if unused:
        unused = _find_unused(function, _sample(folder, derivation, MANY), unused, columns)
    if unused:
        listed = ", ".join(map(repr, sorted(unused)))
        raise FeatureError(
            f"{function.place}: nothing that features() returns changes with {listed}, and "
            "each request would have to have it. Make it an identifier in data.columns of config.yml, or name it in "
            "slices or bias, which may be measured by a column that the model does not see"
        )


def _find_unused(function: FeatureFunction, rows: Raw, names: AbstractSet[str], columns: Columns) -> set[str]:
    made = _derive(function, rows, columns)
    return {
        name
        for name in names
        if not any(_changes(function, made, {**rows, name: others}) for others in _other_values(rows[name]))
    }


def _changes(function: FeatureFunction, made: Made, rows: Raw) -> bool:
    try:
        return _difference(made, derived.derive(function, rows)) != ""
    except FeatureError:
        return True  # what fails for a value looks at it


def _other_values(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """A column with its values at other rows, with one of them in all rows, and with none."""
    yield values[::-1]
    empty = None if values.dtype == object else np.nan
    known = [value for value in values.tolist() if value is not None and value == value]  # noqa: PLR0124 - NaN
    ordered = sorted(set(known))
    for value in (*ordered[:1], *ordered[len(ordered) // 2 :][:1], *ordered[-1:], empty):
        yield np.full(len(values), value, values.dtype)


def _each(rows: Raw) -> Iterator[Raw]:
    for place in range(len(next(iter(rows.values())))):
        yield _rows(rows, slice(place, place + 1))


def _odd_rows(sample: Raw) -> Iterator[tuple[str, Raw]]:
    """Rows as a request may have them: a value missing, all missing, a category that is new."""
    first = _rows(sample, slice(0, 1))
    missing = {name: np.array([None if values.dtype == object else np.nan]) for name, values in first.items()}
    for name, values in first.items():
        yield f"without a value in {name!r}", {**first, name: missing[name]}
        if values.dtype == object:
            yield f"with a new category in {name!r}", {**first, name: np.array([UNSEEN], object)}
    yield "without any value", missing


def _difference(one: Made, other: Made) -> str:
    """Which column differs, and how; empty when none does."""
    if list(one) != list(other):
        names = sorted(map(str, set(one) ^ set(other))) or [*one]
        return f"features() returns other columns ({', '.join(map(repr, names[:5]))})"
    for name in one:
        kinds = [derived.kind_of(made[name]) for made in (one, other) if not derived.is_empty(made[name])]
        if len(set(kinds)) > 1:
            return f"column {name!r} is {kinds[0]} for rows together and {kinds[1]}"
        before, after = (_values(made[name], kinds) for made in (one, other))
        if not (same := _same(before, after)).all():
            place = int(np.flatnonzero(~same)[0])
            return f"column {name!r} is {before[place]} for a row among others and {after[place]}"
    return ""


def _values(values: "pd.Series[Any]", kinds: list[str]) -> NDArray[Any]:
    """A returned column to compare: numbers and booleans as numbers, all else as text or None."""
    if set(kinds) <= {NUMBER, BOOLEAN}:
        return derived.numbers(values)
    return np.array([None if pd.isna(value) else str(value) for value in values.tolist()], object)


def _same(one: NDArray[Any], other: NDArray[Any]) -> NDArray[np.bool_]:
    if one.dtype == object:
        return np.asarray(one == other)
    return np.isclose(one, other, rtol=1e-6, atol=1e-12, equal_nan=True)
