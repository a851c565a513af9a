"""CloudFormation resource types of our services: what Create, Update and Delete of a resource mean in their APIs."""
