"""CodePipeline as pure functions: structure, facts so far, next actions. No clock, store or process inside."""
