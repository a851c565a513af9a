"""Test reports of a build: files read, rows written, one report for each group that the buildspec names."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loopback.builds import globs, junit
from loopback.builds.faults import ClientFault
from loopback.builds.specification import Files
from loopback.core.arn import Place
from loopback.core.kinds import REPORT, REPORT_GROUP
from loopback.core.store import Store

KEPT_SECONDS = 30 * 86400  # AWS keeps a report for 30 days


@dataclass(frozen=True)
class Reporter:
    """Reports of one build of `project`."""

    store: Store
    place: Place
    project: str
    build_arn: str
    clock: Callable[[], float] = time.time

    def report(self, name: str, files: Files, root: Path) -> str:
        """Read the files of one group and write its report; the report's ARN. Raises ClientFault."""
        try:
            found = globs.select(root, files)
        except globs.NoSuchFiles:
            raise ClientFault(f"no matching report paths found for {', '.join(files.files)}") from None
        cases: list[dict[str, Any]] = []
        for shown, path in found:
            try:
                cases += [case | {"testRawDataPath": shown} for case in junit.cases(path.read_bytes())]
            except junit.NotJUnit as fault:
                raise ClientFault(f"{shown} is not a JUnit report: {fault}") from None
        return self._write(self._group(name), cases)

    def _group(self, name: str) -> str:
        """The group's own name: `<project>-<name>`, made when it is not there, or that of an ARN."""
        if name.startswith("arn:"):
            group = self.place.name_in(name, "report-group")
            if not self.store.exists(REPORT_GROUP, group):
                raise ClientFault(f"there is no report group {name}")
            return group
        group = f"{self.project}-{name}"
        if not self.store.exists(REPORT_GROUP, group):
            doc = {"name": group, "type": "TEST", "exportConfig": {"exportConfigType": "NO_EXPORT"}}
            self.store.create(REPORT_GROUP, group, doc)
        return group

    def _write(self, group: str, cases: list[dict[str, Any]]) -> str:
        name = f"{group}:{uuid.uuid4()}"
        doc = {
            "arn": self.place.arn(f"report/{name}", "codebuild"),
            "type": "TEST",
            "name": name.rpartition(":")[2],
            "reportGroupArn": self.place.arn(f"report-group/{group}", "codebuild"),
            "executionId": self.build_arn,
            "status": "SUCCEEDED" if junit.passed(cases) else "FAILED",
            "expired": self.clock() + KEPT_SECONDS,
            "exportConfig": {"exportConfigType": "NO_EXPORT"},
            "truncated": False,
            "testSummary": junit.summary(cases),
        }
        self.store.create(REPORT, name, doc, parent=group, result={"cases": cases})
        return str(doc["arn"])
