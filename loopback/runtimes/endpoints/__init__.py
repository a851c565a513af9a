"""Real-time endpoints: the data plane process, the instances below it, and the control plane's end of both."""
