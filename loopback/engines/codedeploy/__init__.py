"""CodeDeploy: how a deployment of a Lambda alias shifts traffic."""
