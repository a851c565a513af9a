"""Abalone: how old is this shell? `pipeline.py` is the graph, the other files run inside its jobs."""
