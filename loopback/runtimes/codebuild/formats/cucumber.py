"""CUCUMBERJSON: features with scenarios; a scenario is a case. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from loopback.runtimes.codebuild.formats import documents
from loopback.runtimes.codebuild.formats.cases import Case
from loopback.runtimes.codebuild.formats.documents import NotAReport

# The status of a scenario is that of its worst step.
_WORST = ("failed", "ambiguous", "undefined", "pending", "skipped")
_OUTCOMES = {"failed": "FAILED", "ambiguous": "FAILED", "undefined": "UNKNOWN"}


def cases(text: bytes) -> Iterator[Case]:
    """Raises NotAReport."""
    features = documents.from_json(text)
    if not isinstance(features, list) or not all(isinstance(each, dict) and "elements" in each for each in features):
        raise NotAReport('it is not a list of features; expected [{"name": ..., "elements": [...]}]')
    for feature in features:
        before: list[Mapping[str, Any]] = []
        for element in feature["elements"]:
            steps = [*element.get("before", ()), *element.get("steps", ()), *element.get("after", ())]
            if element.get("type") == "background":  # it belongs to the scenario that follows it
                before = steps
            else:
                yield _case(feature, element, [*before, *steps])
                before = []


def _case(feature: Mapping[str, Any], scenario: Mapping[str, Any], steps: list[Mapping[str, Any]]) -> Case:
    results = [step.get("result", {}) for step in steps]
    statuses = {result.get("status") for result in results}
    worst = next((each for each in _WORST if each in statuses), None)
    status = "SUCCEEDED" if worst is None else _OUTCOMES.get(worst, "SKIPPED")
    seconds = sum(result.get("duration", 0) for result in results) / 1e9
    message = next((result["error_message"] for result in results if result.get("error_message")), "")
    return Case(feature.get("name", ""), scenario.get("name", ""), status, seconds, message, feature.get("uri", ""))
