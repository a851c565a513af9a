"""NUNITXML (NUnit 2.5: test-results) and NUNIT3XML (NUnit 3: test-run). Pure."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from loopback.runtimes.codebuild.formats import documents
from loopback.runtimes.codebuild.formats.cases import Case

_OUTCOMES = {
    "Success": "SUCCEEDED",
    "Failure": "FAILED",
    "Error": "ERROR",
    "NotRunnable": "ERROR",
    "Ignored": "SKIPPED",
    "Skipped": "SKIPPED",
}
_OUTCOMES_3 = {"Passed": "SUCCEEDED", "Warning": "SUCCEEDED", "Failed": "FAILED", "Skipped": "SKIPPED"}
_LAST_DOT = re.compile(r"\.(?=[^.(]*(\(|$))")  # before the method; its arguments may have dots too


def cases(text: bytes) -> Iterator[Case]:
    """Of NUnit 2.5. Raises NotAReport."""
    return _cases(documents.xml(text, "test-results"), "")


def _cases(element: ET.Element, suite: str) -> Iterator[Case]:
    for child in element:
        if child.tag == "test-case":
            yield _case(child, suite)
        elif child.tag in ("test-suite", "results"):
            yield from _cases(child, child.get("name", suite))


def _case(element: ET.Element, suite: str) -> Case:
    name = element.get("name", "")
    dot = _LAST_DOT.search(name)
    prefix, name = (name[: dot.start()], name[dot.end() :]) if dot else ("", name)
    if element.get("executed") == "False":
        status = "SKIPPED"
    else:
        result = element.get("result") or ("Success" if element.get("success") == "True" else "Failure")
        status = _OUTCOMES.get(result, "UNKNOWN")
    return Case(prefix, name, status, documents.number(element.get("time")), _message(element), suite)


def cases_3(text: bytes) -> Iterator[Case]:
    """Of NUnit 3. Raises NotAReport."""
    return _cases_3(documents.xml(text, "test-run"), "")


def _cases_3(element: ET.Element, suite: str) -> Iterator[Case]:
    for child in element:
        if child.tag == "test-case":
            yield _case_3(child, suite)
        elif child.tag == "test-suite":
            yield from _cases_3(child, child.get("name", ""))


def _case_3(element: ET.Element, suite: str) -> Case:
    status = _OUTCOMES_3.get(element.get("result", ""), "UNKNOWN")
    if status == "FAILED" and element.get("label") == "Error":
        status = "ERROR"
    seconds = documents.number(element.get("duration"))
    return Case(element.get("classname", ""), element.get("name", ""), status, seconds, _message(element), suite)


def _message(element: ET.Element) -> str:
    return documents.text_of(element, "failure", "message") or documents.text_of(element, "reason", "message")
