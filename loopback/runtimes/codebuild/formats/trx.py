"""VISUALSTUDIOTRX: the test runs of Visual Studio and `dotnet test`. Pure."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from loopback.runtimes.codebuild.formats import documents
from loopback.runtimes.codebuild.formats.cases import Case

_OUTCOMES = {
    "Passed": "SUCCEEDED",
    "PassedButRunAborted": "SUCCEEDED",
    "Failed": "FAILED",
    "Error": "ERROR",
    "Timeout": "ERROR",
    "Aborted": "ERROR",
    "NotExecuted": "SKIPPED",
    "NotRunnable": "SKIPPED",
}


def cases(text: bytes) -> Iterator[Case]:
    """Raises NotAReport."""
    root = documents.xml(text, "TestRun")
    classes = {}
    for test in root.iter("UnitTest"):
        method = test.find("TestMethod")
        if method is not None:
            classes[test.get("id")] = method.get("className", "").partition(",")[0]
    for result in root.iter("UnitTestResult"):
        yield _case(result, classes.get(result.get("testId"), ""), root.get("name", ""))


def _case(result: ET.Element, of_class: str, suite: str) -> Case:
    name = result.get("testName", "").removeprefix(f"{of_class}.")
    status = _OUTCOMES.get(result.get("outcome", ""), "UNKNOWN")
    message = documents.text_of(result, "Output", "ErrorInfo", "Message")
    return Case(of_class, name, status, _seconds(result.get("duration", "")), message, suite)


def _seconds(duration: str) -> float:
    found = re.fullmatch(r"(?:(\d+)\.)?(\d+):(\d+):(\d+(?:\.\d+)?)", duration)
    if found is None:
        return 0.0
    days, hours, minutes, seconds = found.groups(default="0")
    return int(days) * 86400 + int(hours) * 3600 + int(minutes) * 60 + float(seconds)
