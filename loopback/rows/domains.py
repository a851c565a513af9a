"""Domains of SageMaker Studio."""

from dataclasses import dataclass, field

from loopback.core.kinds import DOMAIN
from loopback.rows.row import Json, Row, document, key


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainRow(Row):
    """A domain, named by its id. `request` is CreateDomain's."""

    KIND = DOMAIN

    request: Json = field(metadata=document())
    domain: str = field(metadata=key("DomainName"))
