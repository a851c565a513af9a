"""Reports of a build: files read, rows written, one report for each group that the buildspec names."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loopback.core.arn import Place
from loopback.core.kinds import REPORT, REPORT_GROUP
from loopback.core.store import Store
from loopback.rows.codebuild import ReportGroupRow, ReportResult
from loopback.rows.row import changes
from loopback.runtimes.codebuild import globs
from loopback.runtimes.codebuild.faults import ClientFault
from loopback.runtimes.codebuild.formats import cases, coverages
from loopback.runtimes.codebuild.formats.documents import NotAReport
from loopback.runtimes.codebuild.formats.table import FORMATS, TEST
from loopback.runtimes.codebuild.specification import FilePatterns

KEPT_SECONDS = 30 * 86400  # AWS keeps a report for 30 days


@dataclass(frozen=True)
class Reporter:
    """Reports of one build of `project`."""

    store: Store
    place: Place
    project: str
    build_arn: str
    clock: Callable[[], float] = time.time

    def report(self, name: str, files: FilePatterns, root: Path) -> str:
        """Read the files of one group and write its report; the report's ARN. Raises ClientFault."""
        try:
            found = globs.select(root, files)
        except globs.NoSuchFiles:
            raise ClientFault(f"no matching report paths found for {', '.join(files.files)}") from None
        shape = FORMATS[files.format]
        entries: list[dict[str, Any]] = []
        for shown, path in found:
            try:
                entries += [_from(shown, entry) for entry in shape.entries(path.read_bytes())]
            except NotAReport as fault:
                raise ClientFault(f"{shown} is not a report of format {files.format}: {fault}") from None
        return self._write(self._group(name, shape.type), shape.type, entries)

    def _group(self, name: str, kind: str) -> str:
        """The group's own name: that of an ARN, or `<project>-<name>`, made when it is not there."""
        group = self.place.name_in(name, "report-group") if name.startswith("arn:") else f"{self.project}-{name}"
        if not self.store.exists(REPORT_GROUP, group):
            if name.startswith("arn:"):
                raise ClientFault(f"there is no report group {name}")
            doc = {"name": group, "type": kind, "exportConfig": {"exportConfigType": "NO_EXPORT"}}
            ReportGroupRow(request=doc, type=kind).create(self.store, group)
        has = ReportGroupRow.get(self.store, group).type
        if has != kind:
            raise ClientFault(f"the report group {group} is of type {has}; this report is of type {kind}")
        return group

    def _write(self, group: str, kind: str, entries: list[dict[str, Any]]) -> str:
        name = f"{group}:{uuid.uuid4()}"
        if kind == TEST:
            status = "SUCCEEDED" if cases.all_passed(entries) else "FAILED"
            figures, made = {"testSummary": cases.summary(entries)}, changes(ReportResult, cases=entries)
        else:
            status = "SUCCEEDED"
            figures = {"codeCoverageSummary": coverages.summary(entries)}
            made = changes(ReportResult, coverages=entries)
        doc = {
            "arn": self.place.arn(f"report/{name}", "codebuild"),
            "type": kind,
            "name": name.rpartition(":")[2],
            "reportGroupArn": self.place.arn(f"report-group/{group}", "codebuild"),
            "executionId": self.build_arn,
            "status": status,
            "expired": self.clock() + KEPT_SECONDS,
            "exportConfig": {"exportConfigType": "NO_EXPORT"},
            "truncated": False,
            **figures,
        }
        self.store.create(REPORT, name, doc, parent=group, result=made)
        return str(doc["arn"])


def _from(path: str, entry: dict[str, Any]) -> dict[str, Any]:
    """A case with the file that it comes from; a coverage has that of the code already, and gets an id."""
    return entry | ({"id": str(uuid.uuid4())} if "filePath" in entry else {"testRawDataPath": path})
