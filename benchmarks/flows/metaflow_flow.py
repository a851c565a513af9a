"""The five steps as a Metaflow flow, a process a step: `metaflow_flow.py run --raw RAW --out OUT`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import workload
from metaflow import FlowSpec, Parameter, step


class FiveSteps(FlowSpec):
    """What passes between the steps are the paths of their folders."""

    raw = Parameter("raw")
    out = Parameter("out")

    @step
    def start(self) -> None:
        """Preprocess."""
        self.data = workload.preprocess(self.raw, f"{self.out}/data")
        self.next(self.train)

    @step
    def train(self) -> None:
        """Train."""
        self.model = workload.train(self.data, f"{self.out}/model")
        self.next(self.evaluate)

    @step
    def evaluate(self) -> None:
        """Evaluate."""
        self.evaluation = workload.evaluate(self.model, self.data, f"{self.out}/evaluation")
        self.next(self.condition)

    @step
    def condition(self) -> None:
        """Stop a model that is not good enough."""
        if not workload.condition(self.evaluation):
            raise SystemExit("the model is not good enough")
        self.next(self.end)

    @step
    def end(self) -> None:
        """Register."""
        self.version = workload.register(self.model, self.evaluation, f"{self.out}/registry")


if __name__ == "__main__":
    FiveSteps()
