"""Experiments, trials and trial components of SageMaker, and which trials show which components."""

from dataclasses import dataclass, field

from loopback.core.kinds import EXPERIMENT, TRIAL, TRIAL_ASSOCIATION, TRIAL_COMPONENT
from loopback.core.queries import Selection, equals, member
from loopback.rows.row import Json, Row, document, key

COMPONENT_CREATED = member("created")  # an association has its component's time, to sort a trial's components by


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentRow(Row):
    """An experiment, named by its name. `request` is CreateExperiment's."""

    KIND = EXPERIMENT

    request: Json = field(metadata=document())


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRow(Row):
    """A trial, named by its name; its parent is the experiment. `request` is CreateTrial's."""

    KIND = TRIAL

    request: Json = field(metadata=document())


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialComponentRow(Row):
    """A trial component, named by its name. `request` is CreateTrialComponent's."""

    KIND = TRIAL_COMPONENT

    request: Json = field(metadata=document())
    source: dict[str, str] = field(default_factory=dict, metadata=key("Source"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialAssociationRow(Row):
    """That a trial, its parent, shows a component: `<trial>/<component>`."""

    KIND = TRIAL_ASSOCIATION

    component: str
    component_created: float = field(metadata=key("created"))


def trials_of(component: str) -> Selection:
    """The associations of a component."""
    return Selection(TRIAL_ASSOCIATION, equal=(equals("component", component),))
