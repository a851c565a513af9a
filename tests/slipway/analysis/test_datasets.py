"""CSV as the analyzer reads it."""

import pytest

from slipway.analysis import datasets


@pytest.mark.parametrize("block", [1 << 20, 4096])
def test_line_breaks_in_quotes_are_part_of_a_cell_in_every_block(tmp_path, monkeypatch, block):
    """apache/arrow#39857: in files larger than a block only."""
    monkeypatch.setattr(datasets, "_BLOCK", block)
    path = tmp_path / "a.csv"
    path.write_text("a,town\n" + "".join(f'{n},"12 Main St\nFlat {n}"\n' for n in range(2000)))
    rows = [row for batch in datasets.read_csv([path], header=True) for row in batch.to_pylist()]
    assert [row["a"] for row in rows] == [str(n) for n in range(2000)]
    assert {row["town"].partition("\n")[0] for row in rows} == {"12 Main St"}
