"""Files as they come: read whatever their form, or refused in one message that names them."""

import gzip
import random
import re

import pytest

from slipway.tabular import csv_files, csv_source
from slipway.tabular.columns import Columns
from slipway.tabular.job import JobError

COLUMNS = Columns.from_config(
    {"header": True, "columns": {"phone": "identifier", "town": "category", "a": "number", "y": "label"}}
)
ROWS = 300


def text(town="Paris", header="phone,town,a,y"):
    chance = random.Random(1)
    return "".join([f"{header}\n", *(f"p{n},{town},{chance.random():.3f},{n}\n" for n in range(ROWS))])


def read(folder, content, columns=COLUMNS, name="part-7.csv", also=""):
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return [
        row
        for file in csv_files.find(folder, columns)
        for b in csv_source.batches(file, columns, also)
        for row in b.to_pylist()
    ]


PACKED = gzip.compress(text().encode())
READ = {
    "plain": text().encode(),
    "a byte order mark": b"\xef\xbb\xbf" + text().encode(),
    "line ends of Windows": text().replace("\n", "\r\n").encode(),
    "line ends of old Macs": text().replace("\n", "\r").encode(),
    "blank lines first and between": b"\n\n" + text().replace("p7,", "\np7,").encode(),
    "no final line end": text().rstrip().encode(),
    "gzip without .gz in its name": PACKED,
    "gzip in two members": gzip.compress(text()[:500].encode()) + gzip.compress(text()[500:].encode()),
    "a header in capitals": text(header="PHONE,Town,A,Y").encode(),
    "a line break in the header": text(header='phone,"to\nwn",a,y').encode(),
    "quoted cells behind blanks": text(' "Paris"').encode(),
    "Latin-1 in a column that is dropped": text().replace("p7,", "p\xe97,").encode("latin-1"),
}


@pytest.mark.parametrize("content", READ.values(), ids=READ)
def test_a_file_is_read_whatever_its_form(tmp_path, content):
    rows = read(tmp_path, content)
    assert len(rows) == ROWS
    assert {row["town"] for row in rows} == {"Paris"}


def test_gzip_by_name_only_is_read(tmp_path):
    assert len(read(tmp_path, text(), name="part-7.csv.gz")) == ROWS


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_header_alone_has_no_rows(tmp_path, end):
    assert read(tmp_path, f"phone,town,a,y{end}") == []


REFUSED = {
    "Latin-1": (text("Québec").encode("latin-1"), r"part-7\.csv is not UTF-8.*Save it as UTF-8"),
    "UTF-16": (text().encode("utf-16"), r"part-7\.csv is UTF-16"),
    "gzip, cut off": (PACKED[: len(PACKED) // 2], r"part-7\.csv can't be unpacked"),
    "gzip, damaged": (PACKED[:200] + b"\0" * 50 + PACKED[250:], r"part-7\.csv can't be unpacked"),
    "semicolons": (text().replace(",", ";").encode(), r"part-7\.csv does not fit.*unknown column"),
    "an empty file": (b"", r"part-7\.csv does not fit.*the file is empty"),
    "blank lines alone": (b"\n\n", r"part-7\.csv does not fit.*the file is empty"),
    "a quote that nothing closes": (text().replace("p7,Paris", 'p7,"Paris').encode(), r"part-7\.csv .*row"),
    "a number beyond float32": (
        text().replace("p7,Paris,0", "p7,Paris,1e39 ").encode(),
        r"'a' must be a number: row 8",
    ),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_cannot_be_read_is_named(tmp_path, content, message):
    with pytest.raises(JobError) as raised:
        read(tmp_path, content)
    assert re.search(message, str(raised.value), re.DOTALL), raised.value


def test_line_breaks_in_quotes_are_read_at_any_size(tmp_path):
    """Arrow finds the ends of its blocks by line breaks unless it is told (apache/arrow#39857): more than one block."""
    lines = "".join(f'p{n},"12 Main St\nFlat {n % 9}",1,{n}\n' for n in range(csv_source.BLOCK_BYTES // 20))
    rows = read(tmp_path, f"phone,town,a,y\n{lines}")
    assert len(rows) == lines.count("\n") // 2
    assert {row["town"] for row in rows[:9]} == {f"12 Main St\nFlat {n}" for n in range(9)}


def test_the_rows_around_a_number_that_arrow_does_not_read_are_all_there(tmp_path):
    """The first blocks are read at once, and the rest with care: none twice, none left out."""
    count = csv_source.BLOCK_BYTES // 8
    lines = "".join(f"p{n},x,{n},{n}\n" for n in range(count)).replace(f"x,{count - 5},", "x,\u00a05 ,")
    rows = read(tmp_path, f"phone,town,a,y\n{lines}")
    assert [row["y"] for row in rows] == list(range(count))
    assert rows[count - 5]["a"] == 5


def test_an_identifier_is_read_as_text_in_one_spelling(tmp_path):
    rows = read(tmp_path, "phone,town,a,y\n 12.0 ,x,1,1\n12,x,1,1\n1.5,x,1,1\n0012,x,1,1\n", also="phone")
    assert [row["phone"] for row in rows] == ["12", "12", "1.5", "0012"]


WITHOUT = Columns.from_config(
    {"header": False, "columns": {"town": "category", "a": "number", "b": "number", "y": "label"}}
)


@pytest.mark.parametrize(
    ("first", "is_header"),
    [
        ("Town,A,B,Y", True),
        ("city,first,second,target", True),
        ("Paris,1,2,3", False),
        ("Paris,?,NA,3", False),
        ("Paris,x1,2,3", False),
    ],
)
def test_a_header_where_none_is_expected_is_told(tmp_path, first, is_header):
    content = f"{first}\n" + "Paris,1,2,3\n" * 20
    if is_header:
        with pytest.raises(JobError, match=r"row 1 looks like a header .*: set data\.header: true"):
            read(tmp_path, content, WITHOUT)
    elif "x1" in first:
        with pytest.raises(JobError, match=r"column 'a' must be a number: row 1 has 'x1' \(1 in all\)"):
            read(tmp_path, content, WITHOUT)
    else:
        assert len(read(tmp_path, content, WITHOUT)) == 21


def test_a_name_is_matched_as_it_stands_first(tmp_path):
    columns = Columns.from_config({"header": True, "columns": {"%": "number", "#": "number", "y": "label"}})
    assert read(tmp_path, "#,%,y\n1,2,3\n", columns) == [{"%": 2, "#": 1, "y": 3}]
