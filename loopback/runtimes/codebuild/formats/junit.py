"""JUNITXML: Maven's, Gradle's and pytest's JUnit XML. Pure."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator

from loopback.runtimes.codebuild.formats import documents
from loopback.runtimes.codebuild.formats.cases import Case

_OUTCOMES = {"failure": "FAILED", "error": "ERROR", "skipped": "SKIPPED"}


def cases(text: bytes) -> Iterator[Case]:
    """Raises NotAReport."""
    return _suites(documents.xml(text, "testsuites", "testsuite"))


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
    status = "SUCCEEDED" if found is None else _OUTCOMES[found.tag]
    seconds = documents.number(element.get("time"))
    return Case(element.get("classname", ""), element.get("name", ""), status, seconds, message, suite)
