"""What is trained: one folder for each pipeline, `tabular` for the code their jobs share, the commands that run them."""
