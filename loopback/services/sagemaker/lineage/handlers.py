"""All operations of lineage: importing this module registers them."""

from loopback.services.sagemaker.lineage import associations, entities, query

__all__ = ["associations", "entities", "query"]
