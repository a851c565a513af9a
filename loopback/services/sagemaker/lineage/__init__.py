"""Lineage: artifacts, contexts, actions, what connects them, and what SageMaker makes of them by itself."""
