"""CodeConnections, under its present name and as codestar-connections."""
