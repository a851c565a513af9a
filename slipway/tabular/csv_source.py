"""Raw CSV files as a stream of typed batches: bounded memory, and every fault of the schema named in one message."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from slipway.tabular import typed
from slipway.tabular.columns import IDENTIFIER, Columns
from slipway.tabular.csv_files import CsvFile, open_file, refusal, unreadable

BLOCK_BYTES = 4 << 20  # a batch; memory is bounded by it, not by the file
EXAMPLES = 3
CASES = (str, str.upper, str.title, str.capitalize)  # of the words for a missing value that Arrow itself looks for


def batches(file: CsvFile, columns: Columns, also: str = "") -> Iterator[pa.RecordBatch]:
    """The used columns of one file, typed: numbers as float64, the rest as text. The order is `columns.used`.

    `also` is one more column to read, which rows are split by; it comes last.
    """
    if not file.rows:
        return
    names = [*columns.used, *([also] if also and also not in columns.used else [])]
    spellings = typed.Spellings(columns.missing)
    done = 0
    try:
        for batch in _read_typed(file, columns, names):
            yield _unify_spellings(batch, columns, spellings)
            done += batch.num_rows
    except (pa.ArrowInvalid, OSError):  # one cell that Arrow does not read as a number; or worse
        for batch in _read_as_text(file, columns, names, done):
            yield _unify_spellings(batch, columns, spellings)


def _read_typed(file: CsvFile, columns: Columns, names: list[str]) -> Iterator[pa.RecordBatch]:
    """The rows as long as Arrow itself reads every number; ArrowInvalid where it does not."""
    types = {name: pa.float64() if columns.is_number(name) else pa.string() for name in names}
    words = sorted({case(word) for word in columns.missing for case in CASES})
    for batch in _stream(file, types, words):
        yield pa.record_batch([_check_numbers(values) for values in batch.columns], schema=batch.schema)


def _check_numbers(values: pa.Array) -> pa.Array:
    if not pa.types.is_floating(values.type):
        return values
    if not typed.is_finite(values):
        raise pa.ArrowInvalid("a number that is too large")
    return pc.if_else(pc.is_nan(values), None, values)


def _read_as_text(file: CsvFile, columns: Columns, names: list[str], done: int) -> Iterator[pa.RecordBatch]:
    """The rows behind the first `done`, read as text and turned into numbers here. Raises JobError for what is none."""
    numeric = [name for name in names if columns.is_number(name)]
    try:
        for text in _stream(file, dict.fromkeys(names, pa.string()), []):
            skipped = min(done, text.num_rows)
            done, batch = done - skipped, text.slice(skipped)
            for name in numeric:
                place = batch.schema.get_field_index(name)
                values = typed.numbers(batch.column(place), columns.missing)
                if not typed.is_finite(values):
                    raise refusal(file.path, _faults(file, columns))
                batch = batch.set_column(place, name, values)
            if batch.num_rows:
                yield batch
    except pa.ArrowInvalid as error:
        try:
            faults = _faults(file, columns)
        except (pa.ArrowInvalid, OSError):
            faults = []
        raise (refusal(file.path, faults) if faults else unreadable(file.path, error)) from None
    except OSError as error:
        raise unreadable(file.path, error) from None


def _unify_spellings(batch: pa.RecordBatch, columns: Columns, spellings: typed.Spellings) -> pa.RecordBatch:
    """The batch with each category and identifier in its one spelling; the label keeps its own, for messages."""

    def unify_column(name: str) -> pa.Array:
        values = batch.column(name)
        if columns.types[name] == IDENTIFIER:
            return typed.identifiers(values)
        is_category = pa.types.is_string(values.type) and name != columns.label
        return typed.categories(values, spellings) if is_category else values

    return pa.record_batch([unify_column(name) for name in batch.schema.names], names=batch.schema.names)


def _stream(
    file: CsvFile, types: dict[str, pa.DataType], missing: list[str], **options: object
) -> Iterator[pa.RecordBatch]:
    """The rows of some columns. Line breaks in quotes are part of a cell."""
    yield from pacsv.open_csv(
        open_file(file.path),
        read_options=pacsv.ReadOptions(
            column_names=list(file.names), skip_rows=file.skipped, block_size=BLOCK_BYTES, use_threads=not options
        ),
        parse_options=pacsv.ParseOptions(newlines_in_values=True, **options),
        convert_options=pacsv.ConvertOptions(
            column_types=types, include_columns=list(types), null_values=["", *missing], strings_can_be_null=True
        ),
    )


def _faults(file: CsvFile, columns: Columns) -> list[str]:
    """Read a file that does not parse once more, as text, and name each bad column and row."""
    ragged: list[str] = []

    def note(row: pacsv.InvalidRow) -> str:
        number = (row.number or 0) - file.skipped
        ragged.append(f"row {number}: {row.actual_columns} cells, expected {row.expected_columns}")
        return "skip"

    bad: dict[str, list[str]] = {}
    counts: dict[str, int] = {}
    first_row = 1
    numeric = [name for name in columns.used if columns.is_number(name)]
    read = dict.fromkeys(numeric or [columns.label], pa.string())
    for batch in _stream(file, read, [], invalid_row_handler=note):
        for name in numeric:
            for row, value in _unparsable(batch.column(name), columns):
                counts[name] = counts.get(name, 0) + 1
                if counts[name] <= EXAMPLES:
                    bad.setdefault(name, []).append(f"row {first_row + row} has {value!r}")
        first_row += batch.num_rows
    faults = [
        f"column {name!r} must be a number: {', '.join(rows)} ({counts[name]} in all)" for name, rows in bad.items()
    ]
    return faults + ragged[:EXAMPLES] + ([f"... {len(ragged)} such rows in all"] if len(ragged) > EXAMPLES else [])


def _unparsable(values: pa.Array, columns: Columns) -> Iterator[tuple[int, str]]:
    found = typed.numbers(values, columns.missing)
    too_large = pc.fill_null(pc.is_inf(found.cast(pa.float32())), False)
    for row in pc.indices_nonzero(too_large).to_pylist():
        yield row, values[row].as_py()
