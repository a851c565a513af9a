"""SageMaker pipelines, their versions and executions, and the steps of executions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from loopback.core.kinds import CACHED_STEP, EXECUTION, PIPELINE, PIPELINE_VERSION, STEP
from loopback.core.queries import Selection, equals
from loopback.rows.row import Json, Result, Row, document, key


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineResult(Result):
    """What becomes of a pipeline: the number of its newest version, and when an execution last began."""

    version: int = 1
    last_run: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineRow(PipelineResult):
    """A pipeline, named by its name. `request` is the newest version's CreatePipeline, with its definition."""

    KIND = PIPELINE

    request: Json = field(metadata=document())
    definition: str = field(default="", metadata=key("PipelineDefinition"))
    role: str = field(default="", metadata=key("RoleArn"))


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineVersionRow(Row):
    """One version of a pipeline, `<pipeline>/<number>`; its parent is the pipeline."""

    KIND = PIPELINE_VERSION

    request: Json = field(metadata=document())
    definition: str = field(default="", metadata=key("PipelineDefinition"))
    role: str = field(default="", metadata=key("RoleArn"))

    @property
    def number(self) -> int:
        """Its PipelineVersionId."""
        return int(self.name.rsplit("/", 1)[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionResult(Result):
    """How an execution ended, and when."""

    outcome: Json = field(default_factory=dict, metadata=document("result"))
    failure_reason: str | None = field(default=None, metadata=key("FailureReason"))
    ended: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionRow(ExecutionResult):
    """An execution, named by its id; its parent is the pipeline.

    `request` is StartPipelineExecution's, with what it found of the pipeline then.
    """

    KIND = EXECUTION

    request: Json = field(metadata=document())
    definition: str = field(default="", metadata=key("PipelineDefinition"))
    role: str = field(default="", metadata=key("RoleArn"))
    parameters: Json = field(default_factory=dict)  # every parameter of the definition, given or by default
    selection: Json | None = field(default=None, metadata=key("SelectiveExecutionConfig"))
    parallelism: Json = field(default_factory=dict, metadata=key("ParallelismConfiguration"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackAnswer:
    """The answer to a Callback step: its output parameters, or why it was refused."""

    outputs: Json | None = None
    refused: str | None = None

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> "CallbackAnswer":
        """From JSON."""
        return cls(**value)

    def dump(self) -> Json:
        """As JSON."""
        return {"outputs": self.outputs} if self.refused is None else {"refused": self.refused}


JobKey = tuple[str, str]  # the slug of a job's kind, and the job's name


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult(Result):
    """What becomes of a step. Times are epoch seconds.

    `properties` are what other steps refer to, `metadata` what ListPipelineExecutionSteps shows. `job` runs it. `check`
    is the metadata of a check so far. `queue`, `callback_token` and `outputs` (declared) are a Callback step's.
    """

    started: float | None = None
    first_started: float | None = None
    ended: float | None = None
    attempts: int = 1
    retry_at: float | None = None
    properties: Json = field(default_factory=dict)
    metadata: Json = field(default_factory=dict)
    failure_reason: str = ""
    failure_kind: str | None = None
    cache_key: str | None = None
    cache_source: str | None = None  # the ARN of the execution that it was taken from
    copied_from: str | None = None
    job: JobKey | None = field(default=None, metadata=key(read=tuple))
    check: Json | None = None
    queue: str | None = None
    callback_token: str | None = None
    outputs: list[dict[str, str]] = field(default_factory=list)
    answer: CallbackAnswer | None = field(default=None, metadata=key("", CallbackAnswer.read, CallbackAnswer.dump))


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow(StepResult):
    """A step of an execution that has started, `<execution>/<step>`; its parent is the execution."""

    KIND = STEP

    step: str = field(metadata=key("name"))
    type: str
    display_name: str | None = None
    description: str | None = None


def waiting_for(callback_token: str) -> Selection:
    """The steps with a callback token."""
    return Selection(STEP, equal=(equals("callback_token", callback_token, "result"),))


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedStepRow(Row):
    """The newest success of a step with one cache key, `<pipeline>/<step>/<key>`: the step's row, and when it ended."""

    KIND = CACHED_STEP

    step: str
    ended: float
