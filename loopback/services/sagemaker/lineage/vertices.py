"""Entities of lineage by their ARN: what an association or a query says of one."""

from collections.abc import Callable
from dataclasses import dataclass, field

from loopback.core.errors import ResourceNotFound
from loopback.core.kinds import EXPERIMENT
from loopback.core.store import Store
from loopback.rows.experiments import ExperimentRow, TrialComponentRow
from loopback.rows.lineage import LineageActionRow, LineageArtifactRow, LineageContextRow
from loopback.services.registry import Context

COMPONENT_TYPE = "SageMakerExperimentTrialComponent"  # of one that is of no job


@dataclass(frozen=True)
class LineageVertex:
    """An entity: its LineageType, its own type, its times, and what a filter compares its properties with."""

    arn: str
    lineage_type: str
    type: str
    created: float
    changed: float
    properties: dict[str, str] = field(default_factory=dict)

    @property
    def source_type(self) -> str:
        """Its type as associations say it: that of a job's trial component begins with SageMaker."""
        if self.lineage_type == "TrialComponent":
            return COMPONENT_TYPE if self.type == "TrialComponent" else f"SageMaker{self.type}"
        return self.type


def find_vertex(arn: str, context: Context) -> LineageVertex:
    """Raises ResourceNotFound."""
    slug, _, name = arn.split(":", 5)[-1].partition("/")
    if slug not in _READERS or arn != context.place.arn(f"{slug}/{name}"):
        raise ResourceNotFound(f"There is no entity of lineage with the ARN {arn}")
    return _READERS[slug](arn, name, context.store)


def is_vertex(arn: str) -> bool:
    """Whether a query shows it: an experiment has no LineageType."""
    return arn.split(":", 5)[-1].partition("/")[0] != EXPERIMENT.slug


def _artifact(arn: str, name: str, store: Store) -> LineageVertex:
    row = LineageArtifactRow.get(store, name)
    return LineageVertex(arn, "Artifact", row.artifact_type, row.created, row.changed, row.properties)


def _context(arn: str, name: str, store: Store) -> LineageVertex:
    row = LineageContextRow.get(store, name)
    return LineageVertex(arn, "Context", row.context_type, row.created, row.changed, row.properties)


def _action(arn: str, name: str, store: Store) -> LineageVertex:
    row = LineageActionRow.get(store, name)
    return LineageVertex(arn, "Action", row.action_type, row.created, row.changed, row.properties)


def _component(arn: str, name: str, store: Store) -> LineageVertex:
    row = TrialComponentRow.get(store, name)
    made_of = row.source.get("SourceType", "").removeprefix("SageMaker") or "TrialComponent"
    return LineageVertex(arn, "TrialComponent", made_of, row.created, row.changed)


def _experiment(arn: str, name: str, store: Store) -> LineageVertex:
    row = ExperimentRow.get(store, name)
    return LineageVertex(arn, "", "Experiment", row.created, row.changed)


_READERS: dict[str, Callable[[str, str, Store], LineageVertex]] = {
    "artifact": _artifact,
    "context": _context,
    "action": _action,
    "experiment-trial-component": _component,
    "experiment": _experiment,
}
