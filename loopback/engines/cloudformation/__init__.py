"""CloudFormation: resource schemas as AWS publishes them, what a resource may say, what its change means."""
