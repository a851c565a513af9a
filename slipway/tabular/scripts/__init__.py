"""The programs of the jobs, one file each: a pipeline's folder may have its own of the same name, which then runs."""
