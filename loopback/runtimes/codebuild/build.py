"""One build as everything that carries it out knows it: its row, its folders, its limits, and what it may touch."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loopback.core.acting import Acting
from loopback.core.arn import Place
from loopback.core.objects import Objects
from loopback.core.store import Store
from loopback.engines.codebuild.batch import DOWNLOAD
from loopback.rows.codebuild import BuildRow
from loopback.runtimes.codebuild import environment
from loopback.runtimes.codebuild.environment import Folders
from loopback.runtimes.codebuild.machine import BuildLimits
from loopback.runtimes.codebuild.phases import Announce
from loopback.runtimes.jobs.ports import LogWriter
from loopback.sandbox import confine
from loopback.sandbox.plan import show_paths


@dataclass(frozen=True)
class BuildDependencies:
    """Everything that builds touch outside their folders.

    `environ` is what an AWS client of this loopback needs; `credentials(role, session)` replaces its account part.
    `client(service, role)` makes a boto3 client. `minute` is in seconds; `clock` returns epoch seconds.
    """

    store: Store
    place: Place
    objects: Objects
    logs: LogWriter
    credentials: Callable[[str, str], Mapping[str, str]]
    client: Callable[[str, str], Any]
    environ: Mapping[str, str]
    folder: Path
    announce: Announce
    clock: Callable[[], float] = time.time
    minute: float = 60.0
    acting: Acting | None = None  # where IAM is enforced: sources and artifacts are the build role's to read and write
    python: str = sys.executable  # whose packages and tools builds have
    readable: tuple[str, ...] = ()  # files of the state folder that builds see

    @property
    def pip(self) -> Path:
        """The folder in which pip keeps what it has downloaded, for all builds."""
        return self.folder / "pip"


@dataclass(frozen=True)
class Build:
    """A build that is being carried out."""

    row: BuildRow
    means: BuildDependencies
    limits: BuildLimits

    @property
    def request(self) -> dict[str, Any]:
        """What was asked for, by the names of AWS's Build."""
        return self.row.request

    @property
    def project(self) -> str:
        """The name of its project."""
        return self.row.parent

    @property
    def mark(self) -> str:
        """The part of its id after the colon."""
        return self.row.name.rpartition(":")[2]

    @property
    def reads_batch(self) -> bool:
        """Whether all that it does is to read the batch out of its source's buildspec."""
        return self.row.part_of is not None and self.row.part_of.identifier == DOWNLOAD

    @property
    def arn(self) -> str:
        """Its ARN."""
        return self.means.place.arn(f"build/{self.row.name}", "codebuild")

    @property
    def folders(self) -> Folders:
        """Its places on this machine."""
        return Folders(self.means.folder / self.mark)

    def confine(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs another one with nothing of this machine to see but what is the build's."""
        means = self.means
        shows = (*environment.places(self.folders, means.folder, means.python), *show_paths(means.readable))
        return confine.command(argv, means.folder.parent, shows)

    @property
    def role(self) -> str:
        """The ARN of the role that it acts with."""
        return str(self.request.get("serviceRole", ""))
