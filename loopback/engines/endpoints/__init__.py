"""SageMaker endpoints: the plan of a deployment with guardrails."""
