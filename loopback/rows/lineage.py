"""Artifacts, contexts and actions of lineage, and the associations between them and trial components."""

from dataclasses import dataclass, field
from typing import Any

from loopback.core.kinds import ACTION, ARTIFACT, CONTEXT, LINEAGE_ASSOCIATION
from loopback.core.queries import Selection, equals, has
from loopback.rows.row import Json, Row, document, key

SOURCE_URI = has("Source.SourceUri")


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityRow(Row):
    """An artifact, a context or an action. `request` is its Create request, as later updates have changed it."""

    request: Json = field(metadata=document())
    source: dict[str, Any] = field(default_factory=dict, metadata=key("Source"))
    properties: dict[str, str] = field(default_factory=dict, metadata=key("Properties"))


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageArtifactRow(EntityRow):
    """An artifact, named by a hash of its source."""

    KIND = ARTIFACT

    artifact_type: str = field(default="", metadata=key("ArtifactType"))


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageContextRow(EntityRow):
    """A context, named by its name."""

    KIND = CONTEXT

    context_type: str = field(default="", metadata=key("ContextType"))


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageActionRow(EntityRow):
    """An action, named by its name."""

    KIND = ACTION

    action_type: str = field(default="", metadata=key("ActionType"))


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageAssociationRow(Row):
    """That one entity leads to another: both ARNs, and what type they are of, which never changes.

    It is named by a number: a commit writes fewer pages of the indexes than it would of rows that are named by ARNs.
    """

    KIND = LINEAGE_ASSOCIATION

    source: str
    destination: str
    source_type: str = ""
    destination_type: str = ""
    association_type: str | None = None


def associations(source: str | None = None, destination: str | None = None) -> Selection:
    """Those from an entity, to one, or both; all where none is named."""
    ends = {"source": source, "destination": destination}
    return Selection(LINEAGE_ASSOCIATION, equal=tuple(equals(name, arn) for name, arn in ends.items() if arn))
