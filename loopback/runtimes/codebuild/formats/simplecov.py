"""SIMPLECOV: Ruby's .resultset.json, and the coverage.json of SimpleCov's own JSON formatter. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from loopback.runtimes.codebuild.formats import documents
from loopback.runtimes.codebuild.formats.coverages import Coverage
from loopback.runtimes.codebuild.formats.documents import NotAReport

Lines = dict[int, int]


def coverages(text: bytes) -> Iterator[Coverage]:
    """What several test commands have run counts together. Raises NotAReport."""
    lines: dict[str, Lines] = {}
    branches: dict[str, dict[str, int]] = {}
    for command in _commands(documents.from_json(text)):
        for path, given in command["coverage"].items():
            found = {"lines": given} if isinstance(given, list) else given
            for at, hits in enumerate(found.get("lines") or ()):
                if isinstance(hits, int):  # null: nothing to run; a text: left out by a comment
                    lines.setdefault(path, {})[at] = lines.get(path, {}).get(at, 0) + hits
            for way, hits in _ways(found.get("branches")):
                branches.setdefault(path, {})[way] = branches.get(path, {}).get(way, 0) + hits
    for path, hit in lines.items():
        taken, ways = sum(map(bool, hit.values())), branches.get(path, {})
        ran = sum(map(bool, ways.values()))
        yield Coverage(path, taken, len(hit) - taken, ran, len(ways) - ran)


def _commands(document: Any) -> list[Mapping[str, Any]]:
    if not isinstance(document, dict):
        raise NotAReport(f"it is a {type(document).__name__}; expected an object")
    candidates = [document] if "coverage" in document else document.values()
    found: list[Mapping[str, Any]] = [each for each in candidates if isinstance(each, dict) and "coverage" in each]
    if not found or not all(isinstance(each["coverage"], dict) for each in found):
        raise NotAReport('it has no "coverage" of files')
    return found


def _ways(branches: Any) -> Iterator[tuple[str, int]]:
    """Every way of every branch: nested by condition, or a list with one entry a way."""
    if isinstance(branches, dict):
        for condition, ways in branches.items():
            for way, hits in ways.items():
                yield f"{condition} {way}", int(hits)
    for i, way in enumerate(branches if isinstance(branches, list) else ()):
        if isinstance(way.get("coverage"), int):
            yield str(i), way["coverage"]
