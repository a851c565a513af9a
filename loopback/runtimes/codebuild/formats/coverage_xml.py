"""CLOVERXML, COBERTURAXML (coverage.py writes it too) and JACOCOXML. Pure."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from loopback.runtimes.codebuild.formats import documents
from loopback.runtimes.codebuild.formats.coverages import Coverage
from loopback.runtimes.codebuild.formats.documents import NotAReport, number

_CONDITIONS = re.compile(r"\((\d+)/(\d+)\)")


def clover(text: bytes) -> Iterator[Coverage]:
    """Statements and conditions are lines, both ways of a condition are branches. Raises NotAReport."""
    root = documents.xml(text, "coverage")
    if root.find("project") is None:
        raise NotAReport("it has no <project>")
    for file in root.iter("file"):
        path = file.get("path") or file.get("name") or ""
        lines = [line for line in file.iter("line") if line.get("type") in ("stmt", "cond")]
        run = [_ways(line) for line in lines]
        ways = [way for line, found in zip(lines, run, strict=True) if line.get("type") == "cond" for way in found]
        covered = sum(any(found) for found in run)
        yield Coverage(path, covered, len(lines) - covered, sum(ways), len(ways) - sum(ways))


def _ways(line: ET.Element) -> tuple[bool, ...]:
    """Whether a line was run; of a condition, whether it was true and whether it was false."""
    counted = ("truecount", "falsecount") if line.get("type") == "cond" else ("count",)
    return tuple(number(line.get(each)) > 0 for each in counted)


def cobertura(text: bytes) -> Iterator[Coverage]:
    """A file may have many classes, and a line may be in several. Raises NotAReport."""
    root = documents.xml(text, "coverage")
    if root.find("packages") is None:
        raise NotAReport("it has no <packages>")
    files: dict[str, dict[str, list[ET.Element]]] = {}
    for of_class in root.iter("class"):
        lines = files.setdefault(of_class.get("filename", ""), {})
        for line in of_class.findall("lines/line") or of_class.findall("methods/method/lines/line"):
            lines.setdefault(line.get("number", ""), []).append(line)
    for path, found in files.items():
        covered = sum(any(number(each.get("hits")) > 0 for each in same) for same in found.values())
        ways = [max(map(_conditions, same)) for same in found.values()]
        taken, every = sum(way[0] for way in ways), sum(way[1] for way in ways)
        yield Coverage(path, covered, len(found) - covered, taken, every - taken)


def _conditions(line: ET.Element) -> tuple[int, int]:
    """Branches taken, and all of them."""
    found = _CONDITIONS.search(line.get("condition-coverage", ""))
    return (int(found[1]), int(found[2])) if found else (0, 0)


def jacoco(text: bytes) -> Iterator[Coverage]:
    """Raises NotAReport."""
    root = documents.xml(text, "report")
    for package in root.iter("package"):
        for file in package.iter("sourcefile"):
            path = "/".join(filter(None, (package.get("name"), file.get("name"))))
            yield Coverage(path, *_counter(file, "LINE"), *_counter(file, "BRANCH"))


def _counter(file: ET.Element, kind: str) -> tuple[int, int]:
    found = next((each for each in file.findall("counter") if each.get("type") == kind), None)
    return (0, 0) if found is None else (int(number(found.get("covered"))), int(number(found.get("missed"))))
