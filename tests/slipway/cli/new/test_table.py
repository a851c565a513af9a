"""Delimiter, header and cells of files that nobody has described."""

import gzip

import pytest

from slipway.cli.new import table
from slipway.cli.target import WrongUsage


def write(tmp_path, text, name="rows.csv"):
    path = tmp_path / name
    content = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


FILES = {
    "commas and a header": ("a,b\n1,x\n2,y\n", ",", True, ["a", "b"]),
    "semicolons": ("a;b\n1,5;x\n2,5;y\n", ";", True, ["a", "b"]),
    "tabs": ("a\tb, c\n1\tx, y\n2\tz\n", "\t", True, ["a", "b, c"]),
    "bars": ("a|b\n1|x\n", "|", True, ["a", "b"]),
    "no header": ("1,x\n2,y\n", ",", False, ["column_1", "column_2"]),
    "no header, and no number": ("x,y\nz,x\nx,y\n", ",", False, ["column_1", "column_2"]),
    "a header over texts": ("colour,size\nred,big\nblue,small\n", ",", True, ["colour", "size"]),
    "a header over gaps": ("a,b\n,x\n1,y\n", ",", True, ["a", "b"]),
    "a mark of the byte order": (b"\xef\xbb\xbfa,b\n1,x\n", ",", True, ["a", "b"]),
    "line ends of Windows, quotes and line breaks": ('"a","b, c"\r\n1,"x\ny"\r\n', ",", True, ["a", "b, c"]),
    "letters of any script": ("Größe,年齢\n1,2\n", ",", True, ["Größe", "年齢"]),
}


@pytest.mark.parametrize(("text", "delimiter", "header", "names"), FILES.values(), ids=FILES)
def test_what_a_file_looks_like(text, delimiter, header, names, tmp_path):
    for name in ("rows.csv", "rows.csv.gz"):
        found = table.read(write(tmp_path, text, name))
        assert (found.delimiter, found.header, [column.name for column in found.columns]) == (delimiter, header, names)


REFUSED = {
    "nothing": ("", "is no table"),
    "one column": ("a\n1\n2\n", "is no table"),
    "rows of several lengths": ("a,b\n1,2\n1,2,3\n", "is no table"),
    "a header alone": ("a,b\n", "has no rows"),
    "a column without a name": (",a\n0,1\n1,2\n", r"column 1 has no name .*index=False"),
    "two names alike": ("Day Mins,day_mins\n1,2\n", "differ in case, spaces and punctuation only"),
    "Latin-1": ("Größe,b\n1,2\n".encode("latin-1"), "is not UTF-8"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_table(text, message, tmp_path):
    with pytest.raises(WrongUsage, match=message):
        table.read(write(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(WrongUsage, match="There is no data file"):
        table.read(tmp_path / "nope.csv")


def test_what_is_counted(tmp_path):
    found = table.read(write(tmp_path, 'a,b,c\n1,1.5,"3,14"\n2.0,NA,"2,5"\n?,2,"1,0"\n'))
    a, b, c = found.columns
    assert (found.rows, a.missing, a.numbers, a.whole, a.is_number) == (3, 1, 2, 2, True)
    assert (b.missing, b.whole, b.values) == (1, 1, {"1.5": 1, "2": 1})
    assert (c.is_number, c.decimal_commas) == (False, 3)


def test_a_copy_with_commas_says_the_same(tmp_path):
    source = table.read(write(tmp_path, 'a;b\n1;"x, ""y"""\n2;\n'))
    table.write_with_commas(source, tmp_path / "deep" / "copy.csv")
    copy = table.read(tmp_path / "deep" / "copy.csv")
    assert copy.delimiter == ","
    assert [column.values for column in copy.columns] == [column.values for column in source.columns]
    with pytest.raises(FileExistsError):
        table.write_with_commas(source, tmp_path / "deep" / "copy.csv")
