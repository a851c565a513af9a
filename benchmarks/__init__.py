"""Our speed, size and the least that the same work costs, measured in one run on one machine."""
