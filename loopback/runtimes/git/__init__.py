"""Git repositories on this machine behind the addresses that AWS gives to CodeConnections and CodeCommit."""
