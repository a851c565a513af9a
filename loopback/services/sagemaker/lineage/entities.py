"""Artifacts, contexts and actions: Create, Describe, Update, Delete and List."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from loopback.core.errors import ValidationException
from loopback.core.kinds import Kind
from loopback.core.queries import Selection, has
from loopback.rows.lineage import (
    SOURCE_URI,
    EntityRow,
    LineageActionRow,
    LineageArtifactRow,
    LineageAssociationRow,
    LineageContextRow,
    associations,
)
from loopback.rows.row import view_of
from loopback.services.listing import Listing, filters, select
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.sagemaker.tags import keep_tags

MOST_PROPERTIES = 30  # botocore's model: LineageEntityParameters


@dataclass(frozen=True)
class EntityFamily:
    """One kind of entity: `noun` is what AWS's member names start with, `row` the class of its records.

    `updated` are the members that its Update request replaces.
    """

    noun: str
    row: type[LineageArtifactRow] | type[LineageContextRow] | type[LineageActionRow]
    updated: tuple[str, ...]

    @property
    def kind(self) -> Kind:
        """The kind of its rows."""
        return self.row.KIND

    @property
    def listing(self) -> Listing:
        """How List shows them."""
        return Listing(f"{self.noun}Summaries", self.kind)


Operation = Callable[[Request, Context, EntityFamily], Response]
ARTIFACTS = EntityFamily("Artifact", LineageArtifactRow, ("ArtifactName", "Properties"))
CONTEXTS = EntityFamily("Context", LineageContextRow, ("Description", "Properties"))
ACTIONS = EntityFamily("Action", LineageActionRow, ("Description", "Status", "Properties"))
FAMILIES = (ARTIFACTS, CONTEXTS, ACTIONS)


def artifact_id(source: Mapping[str, Any]) -> str:
    """What an artifact's ARN ends in: a hash of its source, so that one source is one artifact."""
    types = sorted((each["SourceIdType"], each["Value"]) for each in source.get("SourceTypes") or ())
    return hashlib.sha256(json.dumps([source["SourceUri"], types]).encode()).hexdigest()[:32]


def create(request: Request, context: Context, family: EntityFamily) -> Response:
    """Write the entity down with its tags."""
    name = artifact_id(request["Source"]) if family is ARTIFACTS else request[f"{family.noun}Name"]
    arn = _arn(name, context, family)
    if context.store.exists(family.kind, name):
        shown = f"source ({request['Source']['SourceUri']})" if family is ARTIFACTS else f"name ({name})"
        raise ValidationException(f"{family.noun} with {shown} already exists: {arn}")
    kept = {key: value for key, value in request.items() if key != "Tags"}
    with context.store.transaction():
        context.store.create(family.kind, name, kept)
        keep_tags(arn, request, context)
    return {f"{family.noun}Arn": arn}


def describe(request: Request, context: Context, family: EntityFamily) -> Response:
    """The entity as it was created or updated."""
    return view(_find(request, context, family), context, family)


def update(request: Request, context: Context, family: EntityFamily) -> Response:
    """Properties that are given replace all that there were; then some may be taken away."""
    row = _find(request, context, family)
    changed = {key: request[key] for key in family.updated if key in request}
    kept = {**row.request, **changed}
    if taken := request.get("PropertiesToRemove"):
        kept["Properties"] = {key: value for key, value in kept.get("Properties", {}).items() if key not in taken}
    if len(kept.get("Properties", {})) > MOST_PROPERTIES:
        raise ValidationException(f"Properties: at most {MOST_PROPERTIES} for one entity")
    replace(row, request=kept, properties=kept.get("Properties", {})).with_doc(context.store, "update")
    return {f"{family.noun}Arn": _arn(row.name, context, family)}


def delete(request: Request, context: Context, family: EntityFamily) -> Response:
    """An entity goes when nothing is associated with it any more."""
    row = _find(request, context, family)
    arn = _arn(row.name, context, family)
    for associated in (associations(source=arn), associations(destination=arn)):
        if found := LineageAssociationRow.first(context.store, associated):
            raise ValidationException(
                f"{arn} still has associations, for example from {found.source} to {found.destination}; "
                "delete them first"
            )
    with context.store.transaction():
        context.store.delete(family.kind, row.name)
        context.store.untag(arn)
    return {f"{family.noun}Arn": arn}


def list_entities(request: Request, context: Context, family: EntityFamily) -> Response:
    """A page of them, of one source, of one type, or all."""
    typed = filters(request, {f"{family.noun}Type": has(f"{family.noun}Type")})
    within = Selection(family.kind, equal=filters(request, {"SourceUri": SOURCE_URI}), where=typed)
    show = view_of(family.row, lambda row, context: view(row, context, family))
    return select(request, context, family.listing, show, within)


def view(row: EntityRow, context: Context, family: EntityFamily) -> Response:
    """The entity as Describe shows it."""
    return row.request | {
        f"{family.noun}Arn": _arn(row.name, context, family),
        "CreationTime": row.created,
        "LastModifiedTime": row.changed,
    }


def _find(request: Request, context: Context, family: EntityFamily) -> EntityRow:
    if family is ARTIFACTS and "ArtifactArn" not in request:
        if "Source" not in request:
            raise ValidationException("DeleteArtifact needs ArtifactArn or Source")
        return LineageArtifactRow.get(context.store, artifact_id(request["Source"]))
    named = request["ArtifactArn" if family is ARTIFACTS else f"{family.noun}Name"]
    return family.row.get(context.store, context.place.name_in(named, family.kind.slug))


def _arn(name: str, context: Context, family: EntityFamily) -> str:
    return context.place.arn(f"{family.kind.slug}/{name}")


def _register(family: EntityFamily) -> None:
    operations: dict[str, Operation] = {
        f"Create{family.noun}": create,
        f"Describe{family.noun}": describe,
        f"Update{family.noun}": update,
        f"Delete{family.noun}": delete,
        f"List{family.noun}s": list_entities,
    }
    for operation, function in operations.items():

        def handler(request: Request, context: Context, function: Operation = function) -> Response:
            return function(request, context, family)

        handles(operation)(handler)


for _family in FAMILIES:
    _register(_family)
