"""SageMaker's control plane: what the base lacks, one file per family of operations."""
