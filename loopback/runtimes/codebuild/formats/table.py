"""What the `file-format` of a buildspec's report means. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from loopback.runtimes.codebuild.formats import coverage_xml, cucumber, junit, nunit, simplecov, testng, trx
from loopback.runtimes.codebuild.formats.cases import Case
from loopback.runtimes.codebuild.formats.coverages import Coverage
from loopback.runtimes.codebuild.formats.documents import NotAReport

TEST, CODE_COVERAGE = "TEST", "CODE_COVERAGE"


@dataclass(frozen=True)
class Format:
    """`type` is that of the report group; `read` makes the cases, or the coverages, of one file."""

    type: str
    read: Callable[[bytes], Iterable[Case | Coverage]]

    def entries(self, text: bytes) -> list[dict[str, Any]]:
        """Cases or coverages as AWS names them. Raises NotAReport."""
        try:
            return [each.view for each in self.read(text)]
        except (AttributeError, KeyError, TypeError, ValueError) as fault:  # right at the top, and then something else
            raise NotAReport(f"it cannot be understood: {fault!r}") from None


FORMATS = {
    "JUNITXML": Format(TEST, junit.cases),
    "CUCUMBERJSON": Format(TEST, cucumber.cases),
    "NUNITXML": Format(TEST, nunit.cases),
    "NUNIT3XML": Format(TEST, nunit.cases_3),
    "TESTNGXML": Format(TEST, testng.cases),
    "VISUALSTUDIOTRX": Format(TEST, trx.cases),
    "CLOVERXML": Format(CODE_COVERAGE, coverage_xml.clover),
    "COBERTURAXML": Format(CODE_COVERAGE, coverage_xml.cobertura),
    "JACOCOXML": Format(CODE_COVERAGE, coverage_xml.jacoco),
    "SIMPLECOV": Format(CODE_COVERAGE, simplecov.coverages),
}
