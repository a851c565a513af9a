"""CodeBuild projects carried out: sources in, the buildspec's phases as processes, artifacts, cache and reports out."""
