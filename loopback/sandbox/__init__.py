"""What keeps the programs of jobs, builds, functions and model servers away from the rest of this machine. Linux."""
