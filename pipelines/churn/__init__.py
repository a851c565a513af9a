"""Churn: will this customer leave? `pipeline.py` is the graph, the other files run inside its jobs."""
