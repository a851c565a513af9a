"""CodeBuild: the order of a batch of builds, and how the batch stands."""
