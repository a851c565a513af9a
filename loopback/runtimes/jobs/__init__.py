"""Jobs as processes with SageMaker's container contract: `run.run_job` is the way in, `ports` is what it needs."""
