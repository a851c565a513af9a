"""What jobs on tabular data share. Shipped with each job's code: only the container's own libraries are imported."""
