"""CodeBuild's operations: projects, builds, reports."""
