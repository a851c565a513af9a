"""A clean may leave rows out; a column or value of its own would be one that the endpoint never sees."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from slipway.tabular.cleaning import apply_clean
from slipway.tabular.job import JobError
from slipway.tabular.scripts import prepare
from tests.slipway.conftest import config_of
from tests.tables import table

BATCH = pa.record_batch(
    {
        "height": pa.array([0.0, 1.5, None, 2.5, -0.0]),
        "sex": pa.array(["F", None, "M", "F", "I"]),
        "rings": pa.array([3.0, 4.0, 5.0, 6.0, 7.0]),
    }
)


def with_column(batch, name, values):
    return batch.set_column(batch.schema.get_field_index(name), name, values)


def by_pandas(batch):
    frame = batch.to_pandas()
    return pa.RecordBatch.from_pandas(frame[frame["rings"] > 4])


def repeated(batch):
    return batch.take(pa.array([0, 0, 1]))


KEEPS = {
    "everything": (lambda batch: batch, 5),
    "a copy": (lambda batch: batch.take(pa.array(range(5))), 5),
    "a filter": (lambda batch: batch.filter(pc.greater(batch.column("height"), 0)), 2),
    "none": (lambda batch: batch.slice(0, 0), 0),
    "rows with missing values": (lambda batch: batch.filter(pc.is_null(batch.column("height"))), 1),
    "another order of rows": (lambda batch: batch.take(pa.array([4, 0, 2])), 3),
    "another order of columns": (lambda batch: batch.select(["rings", "sex", "height"]), 5),
    "by pandas": (by_pandas, 3),
}


@pytest.mark.parametrize(("clean", "rows"), KEEPS.values(), ids=KEEPS)
def test_rows_may_be_left_out(clean, rows):
    kept = apply_clean(BATCH, clean)
    assert (kept.num_rows, kept.schema.names) == (rows, BATCH.schema.names)


REFUSED = {
    "a new column": (lambda b: b.append_column("ratio", b.column("rings")), "adds the column 'ratio'"),
    "a dropped column": (lambda b: b.select(["height", "rings"]), "drops the column 'sex', which is used"),
    "a renamed column": (
        lambda b: b.rename_columns(["size", "sex", "rings"]),
        "(?s)adds the column 'size'.*drops the column 'height'",
    ),
    "a scaled column": (
        lambda b: with_column(b, "height", pc.multiply(b.column("height"), 10)),
        "changes values of 'height'",
    ),
    "a scaled column of filtered rows": (
        lambda b: with_column(b, "rings", pc.multiply(b.column("rings"), 10)).slice(1, 3),
        "changes values of 'rings'",
    ),
    "two columns": (
        lambda b: with_column(with_column(b, "sex", pc.fill_null(b.column("sex"), "?")), "rings", pa.array([9.0] * 5)),
        "changes values of 'sex', 'rings'",
    ),
    "a filled gap": (lambda b: with_column(b, "height", pc.fill_null(b.column("height"), 9)), "values of 'height'"),
    "a value of another row": (
        lambda b: with_column(b, "height", b.column("height").take(pa.array([1, 0, 2, 3, 4]))),
        "changes values of 'height'",
    ),
    "upper case": (lambda b: with_column(b, "sex", pc.utf8_lower(b.column("sex"))), "changes values of 'sex'"),
    "another type": (
        lambda b: with_column(b, "rings", b.column("rings").cast(pa.int64())),
        "makes int64 of the column 'rings', which is double .*schema=batch.schema",
    ),
    "repeated rows": (repeated, "more than once"),
    "a frame": (lambda b: b.to_pandas(), "returned DataFrame, expected a pyarrow.RecordBatch"),
    "nothing": (lambda b: None, "returned NoneType"),
    "a column of another data set": (
        lambda b: b.filter(b.column("day_mins")),
        r"clean\(\) in prepare.py failed: KeyError: .*day_mins.*columns height, sex, rings",
    ),
}


@pytest.mark.parametrize(("clean", "message"), REFUSED.values(), ids=REFUSED)
def test_anything_else_is_refused_by_name(clean, message):
    with pytest.raises(JobError, match=message):
        apply_clean(BATCH, clean)


def test_values_are_compared_by_what_they_are():
    batch = pa.record_batch({"x": pa.array([np.nan, None, 0.0, -0.0])})
    assert apply_clean(batch, lambda b: pa.record_batch({"x": pa.array([None, None, 0.0, 0.0])})).num_rows == 4


def test_prepare_says_so(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "churn.csv").write_text("\n".join(table("churn").read_text().splitlines()[:801]) + "\n")

    def clean(batch):
        return batch.append_column("x", batch.column("day_mins"))

    with pytest.raises(JobError, match=r"(?s)adds the column 'x'.*may only leave rows out"):
        prepare.main(tmp_path / "in", tmp_path / "out", config_of("churn"), clean=clean)
