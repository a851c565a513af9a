"""Churn: will this customer leave? `pipeline.py` is the graph, config.yml what may be tuned."""
