"""CodePipeline: structure, facts so far, next actions."""
