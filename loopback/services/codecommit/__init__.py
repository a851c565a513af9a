"""CodeCommit: repositories in the state folder."""
