"""Associations: what leads from one entity of lineage to another."""

from dataclasses import replace

from loopback.core.errors import ResourceNotFound, ValidationException
from loopback.core.kinds import LINEAGE_ASSOCIATION
from loopback.core.queries import CREATED, has
from loopback.rows.lineage import LineageArtifactRow, LineageAssociationRow, associations
from loopback.rows.row import view_of
from loopback.services.listing import Listing, filters, select
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.sagemaker.lineage.vertices import find_vertex

ASSOCIATIONS = Listing("AssociationSummaries", LINEAGE_ASSOCIATION, orders={"CreationTime": CREATED})
_FILTERS = {
    "SourceType": has("source_type"),
    "DestinationType": has("destination_type"),
    "AssociationType": has("association_type"),
}


@handles("AddAssociation")
def add(request: Request, context: Context) -> Response:
    """Both entities exist, and they are associated once in that direction."""
    source, destination = request["SourceArn"], request["DestinationArn"]
    if source == destination:
        raise ValidationException(f"{source} cannot be associated with itself")
    with context.store.transaction():
        types = [find_vertex(arn, context).source_type for arn in (source, destination)]
        if not associate(source, destination, request.get("AssociationType"), (types[0], types[1]), context):
            raise ValidationException(f"Association from {source} to {destination} already exists")
    return {"SourceArn": source, "DestinationArn": destination}


def associate(source: str, destination: str, how: str | None, types: tuple[str, str], context: Context) -> bool:
    """Write an association between entities of those types down; False where there is one already.

    Call it in a transaction.
    """
    if context.store.first(associations(source, destination)):
        return False
    number = context.store.next_number(LINEAGE_ASSOCIATION.slug)
    LineageAssociationRow(
        source=source,
        destination=destination,
        source_type=types[0],
        destination_type=types[1],
        association_type=how,
    ).create(context.store, f"{number:012}")
    return True


@handles("DeleteAssociation")
def delete(request: Request, context: Context) -> Response:
    """The two entities stay."""
    source, destination = request["SourceArn"], request["DestinationArn"]
    found = context.store.first(associations(source, destination))
    if found is None:
        raise ResourceNotFound(f"There is no association from {source} to {destination}")
    context.store.delete(LINEAGE_ASSOCIATION, found.name)
    return {"SourceArn": source, "DestinationArn": destination}


def forget(arn: str, context: Context) -> None:
    """Delete all associations of an entity that is deleted."""
    for selection in (associations(source=arn), associations(destination=arn)):
        for row in list(context.store.scan(selection)):
            context.store.delete(LINEAGE_ASSOCIATION, row.name)


@handles("ListAssociations")
def list_associations(request: Request, context: Context) -> Response:
    """A page of them, from one entity, to one, or all, in the order of time."""
    sort = request.get("SortBy", "CreationTime")
    if sort not in ASSOCIATIONS.orders:
        raise ValidationException(f"SortBy {sort}: loopback lists associations by CreationTime alone")
    of = associations(request.get("SourceArn"), request.get("DestinationArn"))
    within = replace(of, where=filters(request, _FILTERS))
    return select(request, context, ASSOCIATIONS, view_of(LineageAssociationRow, view), within)


def view(row: LineageAssociationRow, context: Context) -> Response:
    """The association as List shows it; an artifact may have no name."""
    return {
        "SourceArn": row.source,
        "DestinationArn": row.destination,
        "SourceType": row.source_type,
        "DestinationType": row.destination_type,
        "AssociationType": row.association_type,
        "SourceName": _name_of(row.source, context),
        "DestinationName": _name_of(row.destination, context),
        "CreationTime": row.created,
    }


def _name_of(arn: str, context: Context) -> str | None:
    slug, _, name = arn.split(":", 5)[-1].partition("/")
    if slug != LineageArtifactRow.KIND.slug:
        return name
    named: str | None = LineageArtifactRow.get(context.store, name).request.get("ArtifactName")
    return named
