"""Application Auto Scaling for the instance counts of endpoint variants."""
