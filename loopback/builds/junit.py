"""JUnit XML as CodeBuild's report: each test case, totals, durations. Pure."""

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

STATUSES = ("SUCCEEDED", "FAILED", "ERROR", "SKIPPED", "UNKNOWN")
LONGEST_MESSAGE = 65536
_OUTCOMES = {"failure": "FAILED", "error": "ERROR", "skipped": "SKIPPED"}


class NotJUnit(Exception):
    """The file is not JUnit XML."""


@dataclass(frozen=True)
class Case:
    """One test case; the names are those of DescribeTestCases."""

    prefix: str
    name: str
    status: str
    durationInNanoSeconds: int  # noqa: N815
    message: str
    testSuiteName: str  # noqa: N815


def cases(text: bytes) -> list[dict[str, Any]]:
    """The test cases of a file. Raises NotJUnit."""
    if b"<!ENTITY" in text:
        raise NotJUnit("it declares entities")
    try:
        root = ET.fromstring(text)  # noqa: S314 - entities are refused above
    except ET.ParseError as fault:
        raise NotJUnit(f"it is not XML: {fault}") from None
    if root.tag not in ("testsuites", "testsuite"):
        raise NotJUnit(f"its root is <{root.tag}>; expected <testsuites> or <testsuite>")
    return [asdict(case) for case in _suites(root)]


def _suites(element: ET.Element) -> Iterator[Case]:
    suite = element.get("name", "") if element.tag == "testsuite" else ""
    for child in element:
        if child.tag == "testsuite":
            yield from _suites(child)
        elif child.tag == "testcase":
            yield _case(child, suite)


def _case(element: ET.Element, suite: str) -> Case:
    found = next((child for child in element if child.tag in _OUTCOMES), None)
    message = "" if found is None else found.get("message") or (found.text or "").strip()
    try:
        seconds = float(element.get("time", "0").replace(",", ""))
    except ValueError:
        seconds = 0.0
    return Case(
        element.get("classname", ""),
        element.get("name", ""),
        "SUCCEEDED" if found is None else _OUTCOMES[found.tag],
        round(seconds * 1e9),
        message[:LONGEST_MESSAGE],
        suite,
    )


def summary(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """AWS's TestReportSummary."""
    counts = Counter(case["status"] for case in found)
    return {
        "total": len(found),
        "statusCounts": {status: counts[status] for status in STATUSES},
        "durationInNanoSeconds": sum(case["durationInNanoSeconds"] for case in found),
    }


def passed(found: Iterable[dict[str, Any]]) -> bool:
    """Whether no test failed."""
    return all(case["status"] in ("SUCCEEDED", "SKIPPED") for case in found)
