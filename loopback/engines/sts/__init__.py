"""What STS decides."""
