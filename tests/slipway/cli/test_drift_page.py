"""The page and its pictures: well-formed and escaped, whatever the data holds."""

import html
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.cli.drift_report import cards, drawing, page, report
from slipway.cli.drift_report.distributions import Bar, Feature, Sketch, bars, histogram
from slipway.cli.drift_report.executions import Execution
from slipway.cli.drift_report.report import Documents, Monitor, Report, Row

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
NASTY = '<script>alert("1")</script>&\'"\x00\ud800'
SVG = "{http://www.w3.org/2000/svg}"
VOID = {"meta", "link", "br", "img", "input"}
texts = st.text(max_size=40) | st.just(NASTY)
counts = st.dictionaries(texts, st.floats(0, 1e9), max_size=20)
sketches = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50)


def test_a_histogram_reaches_over_all_that_floating_point_has() -> None:
    for kind in ("Integral", "Fractional"):
        found = histogram(feature("f", [-1.7e308, 0, 1.7e308], kind), None)
        assert found is not None
        assert all(low < high for low, high in pairwise(found.edges))


def feature(name: str, values: list[float], kind: str = "Fractional") -> Feature:
    return Feature(name, kind, len(values), 1, Sketch.read({"sketch": {"data": [values]}}))


@given(texts, sketches, sketches, st.sampled_from(["Fractional", "Integral"]))
def test_a_histogram_is_xml_for_any_numbers(name: str, first: list[float], second: list[float], kind: str) -> None:
    found = histogram(feature(name, first, kind), feature(name, second, kind))
    assert found is not None
    drawn = ET.fromstring(drawing.histogram(found, name))
    for path in drawn.iter(f"{SVG}path"):
        heights = [float(height) for height in re.findall(r"V(-?[\d.]+|nan|inf)", path.attrib["d"])]
        assert all(0 <= height <= drawing.PLOT_HEIGHT + 16 for height in heights)


@given(texts, counts, counts, st.lists(texts, max_size=5))
def test_categories_are_xml_for_any_names(
    title: str, before: dict[str, float], after: dict[str, float], domain: list[str]
) -> None:
    drawn = ET.fromstring(drawing.categories(bars(before, after, domain), title))
    for bar in drawn.iter(f"{SVG}rect"):
        assert float(bar.attrib["x"]) + float(bar.attrib["width"]) <= drawing.WIDTH


@given(st.lists(st.sampled_from([True, False, None]), max_size=200))
def test_a_timeline_fits_and_tells_marks_apart_by_shape(marks: list[bool | None]) -> None:
    row = [(NOW + timedelta(hours=number), mark) for number, mark in enumerate(marks)]
    drawn = ET.fromstring(drawing.timeline(row, "t"))
    heights = {bar.attrib["class"]: bar.attrib["height"] for bar in drawn.iter(f"{SVG}rect")}
    assert heights.get("bad") != "5"
    assert heights.get("met") != "16"
    assert len(list(drawn.iter(f"{SVG}circle"))) == marks[-drawing.MOST_EXECUTIONS :].count(None)
    assert all(float(b.attrib["x"]) + float(b.attrib["width"]) <= drawing.WIDTH for b in drawn.iter(f"{SVG}rect"))


@pytest.mark.parametrize(
    ("text", "letters", "shown"),
    [("short", 5, "short"), ("longer", 5, "long…"), ("a b c", 3, "a…"), ("日本語", 4, "日…"), ("", 3, "")],
)
def test_long_names_are_cut(text: str, letters: int, shown: str) -> None:
    assert drawing.shorten(text, letters) == shown


def test_what_xml_lacks_is_marked() -> None:
    assert drawing.escape("a\x00b<\ud800>") == "a\ufffdb&lt;\ufffd&gt;"


def test_a_side_without_categories_has_no_figure() -> None:
    drawn = drawing.categories([Bar("a", None, 0.4, new=False), Bar("b", 0.2, 0.1, new=True)], "t")
    told = re.findall(r"<title>(.*?)</title>", drawn)
    assert told == ["a: 40 %", "b: 20 % → 10 %"]
    assert drawn.count('class="base"') == 1


class Reader(HTMLParser):
    """Every tag is closed, and nothing is loaded or run."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [str(value) for name, value in attrs if name in ("href", "src")]
        assert not [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    return reader


def drifted(name: str, told: str, uri: str = "s3://b/k") -> Report:
    violation = {"feature_name": name, "constraint_check_type": "categorical_values_check", "description": told}
    history = [
        Execution(NOW, "CompletedWithViolations", "arn:j/0", violations=(violation,)),
        Execution(NOW - timedelta(hours=1), "Failed", "arn:j/1", reason=told),
        Execution(NOW - timedelta(hours=2), "Completed", "arn:j/2", asked=True),
    ]

    def side(*buckets: str) -> dict[str, Any]:
        found = {
            "common": {"num_present": 10, "num_missing": 1},
            "distribution": {"categorical": {"buckets": [{"value": value, "count": 5} for value in buckets]}},
        }
        return {"features": [{"name": name, "inferred_type": "String", "string_statistics": found}]}

    rules = {"name": name, "inferred_type": "String", "string_constraints": {"domains": ["a"]}}
    documents = Documents(side("a", told), {}, side("a"), {"features": [rules]}, {"statistics": uri, told: uri})
    monitor = report.data_quality(told, history[0], history, documents)
    return Report(told, "prod", name, 3, NOW, (monitor,))


@given(texts, texts, texts)
def test_the_page_holds_whatever_the_data_says(name: str, told: str, uri: str) -> None:
    text = page.page(drifted(name, told, uri))
    reader = read(text)
    assert not {"script", "link", "img", "iframe", "object"} & reader.tags
    assert all(link.startswith("s3://") for link in reader.links)
    for drawn in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ET.fromstring(drawn)
    text.encode()


def test_the_page_tells_what_where_and_since_when() -> None:
    text = html.unescape(page.page(drifted("plan", "gold")))
    for told in (
        "prod drifts: 1 violation in 1 feature, since 1 Jan 12:00 UTC",
        "in the execution of 1 Jan 12:00 UTC, not in the one before",
        'new category "gold" (5, 50 %)',
        "<dt>model version</dt><dd>3</dd>",
        'href="s3://b/k"',
        "default-src 'none'",
        "prefers-color-scheme: dark",
        "@media print",
    ):
        assert told in text, told


def test_nothing_on_the_page_is_loaded() -> None:
    text = page.page(drifted("plan", "gold"))
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
    assert not re.search(r"url\(|@import", text)


def test_without_violations_the_page_says_so() -> None:
    execution = Execution(NOW, "Completed", "arn:j/0")
    calm = Report("p", "prod", "p-prod", 0, NOW, (report.data_quality("s", execution, [execution], Documents()),))
    assert page.verdict(calm) == "prod is like its baseline"
    text = page.page(calm)
    read(text)
    assert "<h2>Violations" not in text
    assert "not known" in text


def test_without_verdict_the_page_claims_none() -> None:
    none = Report("p", "prod", "p-prod", 0, NOW, (Monitor("DataQuality", "s", note="no execution yet"),))
    assert page.verdict(none).startswith("No verdict on prod")
    assert 'class="fine"' not in page.page(none)


@pytest.mark.parametrize("kind", ["String", "Unknown"])
def test_a_feature_without_distribution_says_why(kind: str) -> None:
    row = Row("phone", kind, Feature("phone", kind, 3, 0), None, None, None)
    assert "too many different values" in cards.picture(row)
