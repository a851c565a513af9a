"""Lineage: what a job has read and made, and which entities a query reaches. Pure."""
