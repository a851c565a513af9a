"""Processes: jobs, builds, model servers and git, each with the contract of the AWS service that runs it."""
