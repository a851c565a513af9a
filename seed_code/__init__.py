"""Where a project starts: its template, the roles it needs beforehand, the zip of its first files."""
