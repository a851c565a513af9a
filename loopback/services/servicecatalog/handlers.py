"""Importing this registers the operations of Service Catalog."""

from loopback.services.servicecatalog import artifacts, launch, portfolios, products, provisioned, records

SERVICES = ("servicecatalog",)
MODULES = (artifacts, launch, portfolios, products, provisioned, records)
