"""What is trained: a folder for each pipeline, `tabular` for what their jobs share, the commands."""
