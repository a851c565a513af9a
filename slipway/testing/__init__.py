"""AWS on this machine for tests of anybody's SageMaker code: pytest fixtures, a reset between tests, faults."""
