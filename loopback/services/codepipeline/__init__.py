"""CodePipeline: operations, and the driver that carries executions through their stages."""
