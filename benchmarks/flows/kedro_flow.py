"""The five steps as a Kedro pipeline, in one process: `kedro_flow.py RAW OUT`. Runs in an environment of its own."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import workload
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import node, pipeline
from kedro.runner import SequentialRunner


def main(raw: str, out: str) -> None:
    """Each step is a node; what passes between them are the paths of their folders."""

    def register(good: bool, model: str, evaluation: str) -> str:
        if not good:
            raise SystemExit("the model is not good enough")
        return workload.register(model, evaluation, f"{out}/registry")

    steps = pipeline(
        [
            node(lambda path: workload.preprocess(path, f"{out}/data"), "raw", "data", name="preprocess"),
            node(lambda data: workload.train(data, f"{out}/model"), "data", "model", name="train"),
            node(
                lambda model, data: workload.evaluate(model, data, f"{out}/evaluation"),
                ["model", "data"],
                "evaluation",
                name="evaluate",
            ),
            node(workload.condition, "evaluation", "good", name="condition"),
            node(register, ["good", "model", "evaluation"], "version", name="register"),
        ]
    )
    SequentialRunner().run(steps, DataCatalog({"raw": MemoryDataset(raw)}))


main(*sys.argv[1:])
