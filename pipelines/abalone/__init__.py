"""Abalone: how old is this shell? `pipeline.py` is the graph, config.yml what may be tuned."""
