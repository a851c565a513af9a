"""SageMaker domains as records: an id, a name, settings and tags. Nothing of Studio runs behind one.

Project templates are published by a tag of the domain (`sagemaker:projectS3TemplatesLocation`), and that is what a
record is good for. There are no user profiles, spaces and apps, no EFS and no page at its Url: the answers have none.
"""

import secrets
import string
from typing import Any

from loopback.core.errors import ResourceInUse, ResourceNotFound
from loopback.core.kinds import DOMAIN
from loopback.core.queries import Selection, equals
from loopback.rows.domains import DomainRow
from loopback.rows.row import view_of
from loopback.services.listing import Listing, select
from loopback.services.registry import Context, Request, Response, handles
from loopback.services.sagemaker.tags import keep_tags

LISTING = Listing("Domains", DOMAIN, order="Ascending")
_ALPHABET = string.ascii_lowercase + string.digits


@handles("CreateDomain")
def create(request: Request, context: Context) -> Response:
    """Write the settings down. They have no effect here."""
    if context.store.first(Selection(DOMAIN, equal=(equals("DomainName", request["DomainName"]),))):
        raise ResourceInUse(f"A domain named {request['DomainName']} already exists")
    identity = "d-" + "".join(secrets.choice(_ALPHABET) for _ in range(12))
    with context.store.transaction():
        DomainRow(request=request, domain=request["DomainName"]).create(context.store, identity)
        keep_tags(_arn(identity, context), request, context)
    return {"DomainArn": _arn(identity, context), "DomainId": identity}


@handles("DescribeDomain")
def describe(request: Request, context: Context) -> Response:
    """The settings as they were given. A record is whole at once: InService."""
    row = _find(request["DomainId"], context)
    return row.request | view(row, context)


@handles("ListDomains")
def list_domains(request: Request, context: Context) -> Response:
    """A page of domains."""
    return select(request, context, LISTING, view_of(DomainRow, view))


@handles("DeleteDomain")
def delete(request: Request, context: Context) -> Response:
    """Forget the record and its tags."""
    identity = _find(request["DomainId"], context).name
    with context.store.transaction():
        context.store.delete(DOMAIN, identity)
        context.store.untag(_arn(identity, context))
    return {}


def view(row: DomainRow, context: Context) -> dict[str, Any]:
    """The domain as a list shows it."""
    shown = {"DomainArn": _arn(row.name, context), "DomainId": row.name, "DomainName": row.domain}
    return shown | {"Status": "InService", "CreationTime": row.created, "LastModifiedTime": row.changed}


def _find(identity: str, context: Context) -> DomainRow:
    try:
        return DomainRow.get(context.store, identity)
    except ResourceNotFound:
        raise ResourceNotFound(f"Domain {identity} does not exist") from None


def _arn(identity: str, context: Context) -> str:
    return context.place.arn(f"domain/{identity}")
