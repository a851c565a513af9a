"""CodeDeploy for Lambda aliases: applications, deployment groups, configurations, deployments."""
