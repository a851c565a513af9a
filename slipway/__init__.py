"""The library of a model project, and its command line: `build`, `tabular` (what runs in jobs), `deploy`, `cli`."""
