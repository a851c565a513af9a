"""Model building: config.yml read, a pipeline compiled from it, started and followed."""
