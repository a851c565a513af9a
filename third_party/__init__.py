"""Other people's SageMaker code, run unmodified under `slipway local exec`: `make third-party` writes the results."""
