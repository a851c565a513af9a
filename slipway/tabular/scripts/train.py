"""Train: gradient-boosted trees, on one host or several, or what the pipeline's model.py fits."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from slipway.tabular import job, tracking, training
from slipway.tabular.hosts import Hosts
from slipway.tabular.training import Channels


def main(channels: Channels, model_dir: Path, params: Mapping[str, Any], hosts: Hosts, serving_code: Path) -> None:
    """Train, and on the first host save the model with the code that serves it."""
    with tracking.run(params, active=hosts.is_first) as log:
        model = training.train(channels, params, hosts, serving_code)
        if model is not None:
            training.save(model, channels, serving_code, model_dir)
            if model.own is None:
                log(training.best(model.booster))


if __name__ == "__main__":
    job.run(
        lambda: main(
            Channels.from_environment(),
            training.model_dir(),
            training.hyperparameters(),
            Hosts.from_environment(),
            Path(__file__).resolve().parent / "serving_code",
        ),
        report="failure",
    )
