"""AWS on this machine: the control plane, its job processes and its state folder."""
