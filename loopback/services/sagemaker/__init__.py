"""SageMaker's control plane: what ministack lacks, one file per family of operations."""
