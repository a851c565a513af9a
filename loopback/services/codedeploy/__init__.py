"""CodeDeploy for Lambda aliases: applications, deployment groups and configurations."""
