"""What containers run: the programs that stand in for AWS's images, one folder an image."""
