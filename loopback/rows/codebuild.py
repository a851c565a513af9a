"""CodeBuild's projects, builds and batches of builds, report groups and reports."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from loopback.core.artifacts import Artifact
from loopback.core.kinds import BUILD, BUILD_BATCH, BUILD_PROJECT, REPORT, REPORT_GROUP
from loopback.core.queries import Term, equals
from loopback.engines.codebuild.batch import Batch
from loopback.rows.row import Json, Result, Row, document, key

_OURS = ("pipeline", "batch")  # members of a build's `doc` that AWS's Build has not


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildProjectRow(Row):
    """A build project, named by its name. `request` is CreateProject's, with AWS's defaults."""

    KIND = BUILD_PROJECT

    request: Json = field(metadata=document())


@dataclass(frozen=True, slots=True)
class PipelineArtifacts:
    """What a build of a CodePipeline action reads and makes; the files of input `primary` are its source."""

    primary: str
    inputs: tuple[Artifact, ...]
    outputs: tuple[Artifact, ...]

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> "PipelineArtifacts":
        """From JSON."""
        return cls(value["primary"], _artifacts(value["inputs"]), _artifacts(value["outputs"]))

    def dump(self) -> Json:
        """As JSON."""
        return {
            "primary": self.primary,
            "inputs": [asdict(each) for each in self.inputs],
            "outputs": [asdict(each) for each in self.outputs],
        }


def _artifacts(value: Iterable[Mapping[str, str]]) -> tuple[Artifact, ...]:
    return tuple(Artifact(**each) for each in value)


@dataclass(frozen=True, slots=True)
class BatchPart:
    """Which build of a batch (its id) a build is."""

    id: str
    identifier: str

    @classmethod
    def read(cls, value: Mapping[str, str]) -> "BatchPart":
        """From JSON."""
        return cls(**value)


@dataclass(frozen=True, slots=True)
class MachineProcess:
    """The process of a build's shell: its id and, because ids are given again, when it began."""

    pid: int
    born: str

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> "MachineProcess":
        """From JSON."""
        return cls(**value)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildResult(Result):
    """What becomes of a build or a batch. `outcome` has all of it; `phases` and `logs` are AWS's, `failure` why not.

    `exported` are the variables that it exports, `batch` what a build has read out of a batch's buildspec.
    """

    outcome: Json = field(default_factory=dict, metadata=document("result"))
    current_phase: str = field(default="SUBMITTED", metadata=key("currentPhase"))
    phases: list[Json] = field(default_factory=list)
    ended: float | None = field(default=None, metadata=key("endTime"))
    resolved_version: str | None = field(default=None, metadata=key("resolvedSourceVersion"))
    logs: dict[str, str] = field(default_factory=dict)
    stopping: bool = False
    failure: str | None = None
    exported: dict[str, str] | None = None
    batch: Batch | None = field(default=None, metadata=key("", Batch.of, asdict))
    machine: MachineProcess | None = field(default=None, metadata=key("", MachineProcess.read, asdict))


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRow(BuildResult):
    """A build, named by its id, `<project>:<uuid>`; its parent is the project.

    `request` is the project with the overrides of the build, by the names of AWS's Build.
    """

    KIND = BUILD

    request: Json = field(metadata=document())
    pipeline: PipelineArtifacts | None = field(
        default=None, metadata=key("", PipelineArtifacts.read, PipelineArtifacts.dump)
    )
    part_of: BatchPart | None = field(default=None, metadata=key("batch", BatchPart.read, asdict))

    @property
    def aws_request(self) -> Json:
        """The request without what is ours."""
        return {name: value for name, value in self.request.items() if name not in _OURS}


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildBatchResult(Result):
    """What becomes of a batch: like a build, and its builds by identifier.

    `download` is the build that reads `batch` out of the buildspec.
    """

    current_phase: str = field(default="SUBMITTED", metadata=key("currentPhase"))
    phases: list[Json] = field(default_factory=list)
    ended: float | None = field(default=None, metadata=key("endTime"))
    resolved_version: str | None = field(default=None, metadata=key("resolvedSourceVersion"))
    stopping: bool = False
    failure: str | None = None
    download: str | None = None
    builds: dict[str, str] = field(default_factory=dict)
    batch: Batch | None = field(default=None, metadata=key("", Batch.of, asdict))

    @property
    def tasks(self) -> Batch:
        """The batch once it was read; without builds before."""
        return self.batch or Batch(())


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildBatchRow(BuildBatchResult):
    """A batch, named by its id, `<project>:<uuid>`; its parent is the project. `request` is as a build's.

    `config` is AWS's ProjectBuildBatchConfig.
    """

    KIND = BUILD_BATCH

    request: Json = field(metadata=document())
    config: Json = field(metadata=key("buildBatchConfig"))
    pipeline: PipelineArtifacts | None = field(
        default=None, metadata=key("", PipelineArtifacts.read, PipelineArtifacts.dump)
    )

    @property
    def outputs(self) -> tuple[Artifact, ...]:
        """What it makes for CodePipeline."""
        return self.pipeline.outputs if self.pipeline else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportGroupRow(Row):
    """A report group, named by its name. `request` is CreateReportGroup's."""

    KIND = REPORT_GROUP

    request: Json = field(metadata=document())
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportResult(Result):
    """The test cases of a report, or the files whose coverage it tells, as AWS shows them."""

    cases: list[Json] = field(default_factory=list)
    coverages: list[Json] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow(ReportResult):
    """A report, `<group>:<uuid>`; its parent is the group. `report` is AWS's Report."""

    KIND = REPORT

    report: Json = field(metadata=document())
    arn: str

    @property
    def marks(self) -> Json:
        """What each of its cases or files is shown with."""
        return {"expired": self.report["expired"]}


def with_token(token: str) -> Term:
    """The builds, or the batches, that a request with this idempotencyToken has started."""
    return equals("idempotencyToken", token)
