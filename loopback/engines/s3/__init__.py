"""What S3 decides about buckets."""
