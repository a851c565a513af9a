"""Where a project starts: its template, its roles, and the files that it begins with."""
