"""QueryLineage: what an entity comes from, and what has come of it."""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from loopback.core.errors import ValidationException
from loopback.core.queries import Selection
from loopback.engines.lineage.traversal import Edge, Neighbours, paths_to, reach
from loopback.rows.lineage import LineageAssociationRow, associations
from loopback.services.listing import PAGING, seconds
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.sagemaker.lineage.vertices import LineageVertex, find_vertex, is_vertex

MOST_DEPTH, MOST_VERTICES = 10, 50  # botocore's model: MaxDepth and MaxResults
_SIDES = {  # where an association has the entity that it is followed from
    "Ascendants": ("destination",),
    "Descendants": ("source",),
    "Both": ("destination", "source"),
}


@handles("QueryLineage")
def query(request: Request, context: Context) -> Response:
    """The entities that fit the filters, nearest first; with IncludeEdges also what lies on the way to them."""
    starts = request.get("StartArns") or []
    if not starts:
        raise ValidationException("QueryLineage needs StartArns: the ARN of an artifact, context, action or component")
    start = find_vertex(starts[0], context).arn
    depth = request.get("MaxDepth", MOST_DEPTH)
    if depth < 1 or request.get("MaxResults", 1) < 1:
        raise ValidationException("MaxDepth and MaxResults are at least 1")
    found = reach(start, _neighbours(request.get("Direction", "Both"), context), depth)
    vertices = {arn: find_vertex(arn, context) for arn in found.depths}
    wanted = {arn for arn, vertex in vertices.items() if arn != start and _fits(vertex, request.get("Filters") or {})}
    if not request.get("IncludeEdges"):
        return _page(request, [vertices[arn] for arn in found.depths if arn in wanted], ())
    if request.get("Filters"):
        found = paths_to(wanted, found)
    return _page(request, [vertices[arn] for arn in {start: 0, **found.depths}], found.edges)


def _neighbours(direction: str, context: Context) -> Neighbours:
    def neighbours(arn: str) -> Iterator[Edge]:
        for side in _SIDES[direction]:
            yield from _edges(associations(**{side: arn}), context)

    return neighbours


def _edges(selection: Selection, context: Context) -> Iterator[Edge]:
    for row in LineageAssociationRow.scan(context.store, selection):
        if is_vertex(row.source) and is_vertex(row.destination):
            yield Edge(row.source, row.destination, row.association_type)


def _fits(vertex: LineageVertex, wanted: Mapping[str, Any]) -> bool:
    """Whether a vertex is one of those that the Filters of a request name."""
    between = partial(_is_between, wanted)
    return (
        vertex.type in (wanted.get("Types") or [vertex.type])
        and vertex.lineage_type in (wanted.get("LineageTypes") or [vertex.lineage_type])
        and between(vertex.created, "Created")
        and between(vertex.changed, "Modified")
        and (wanted.get("Properties") or {}).items() <= vertex.properties.items()
    )


def _is_between(wanted: Mapping[str, Any], moment: float, noun: str) -> bool:
    before, after = wanted.get(f"{noun}Before"), wanted.get(f"{noun}After")
    return (before is None or moment < seconds(before)) and (after is None or moment > seconds(after))


def _page(request: Request, shown: list[LineageVertex], edges: Iterable[Edge]) -> Response:
    """Some of the vertices; an edge comes with the later of its two."""
    page = PAGING.of_items(request, shown, "Vertices", MOST_VERTICES)
    places = {vertex.arn: number for number, vertex in enumerate(shown)}
    here = {vertex.arn for vertex in page["Vertices"]}
    later = ((edge, max((edge.source, edge.destination), key=lambda arn: places[arn])) for edge in edges)
    return page | {
        "Vertices": [
            {"Arn": vertex.arn, "Type": vertex.type, "LineageType": vertex.lineage_type} for vertex in page["Vertices"]
        ],
        "Edges": [_edge(edge) for edge, arn in later if arn in here],
    }


def _edge(edge: Edge) -> dict[str, Any]:
    shown = {"SourceArn": edge.source, "DestinationArn": edge.destination}
    return shown | ({"AssociationType": edge.type} if edge.type else {})
