"""TESTNGXML: testng-results.xml. Pure."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator

from loopback.runtimes.codebuild.formats import documents
from loopback.runtimes.codebuild.formats.cases import Case

_OUTCOMES = {"PASS": "SUCCEEDED", "FAIL": "FAILED", "SKIP": "SKIPPED"}


def cases(text: bytes) -> Iterator[Case]:
    """What sets tests up and tears them down is no case. Raises NotAReport."""
    root = documents.xml(text, "testng-results")
    for suite in root.iter("suite"):
        for of_class in suite.iter("class"):
            for method in of_class.iter("test-method"):
                if method.get("is-config") != "true":
                    yield _case(method, of_class.get("name", ""), suite.get("name", ""))


def _case(method: ET.Element, of_class: str, suite: str) -> Case:
    status = _OUTCOMES.get(method.get("status", ""), "UNKNOWN")
    seconds = documents.number(method.get("duration-ms")) / 1000
    raised = method.find("exception")
    message = documents.text_of(raised, "message") or ("" if raised is None else raised.get("class", ""))
    return Case(of_class, method.get("name", ""), status, seconds, message, suite)
