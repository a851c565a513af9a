"""The floor of the churn pipeline: its jobs' functions, one after another in one process. `churn_floor.py SETUP OUT`.

SETUP is a JSON file that `benchmarks.churn` writes: the folder of the raw files, the jobs' configurations and
hyperparameters as the definition has them, the folder of the serving code.
"""

import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from loopback.runtimes.jobs import archives
from slipway.tabular.baselines import Lifecycle
from slipway.tabular.evaluating import Folders
from slipway.tabular.hosts import Hosts
from slipway.tabular.scripts import baseline, evaluate, prepare, train
from slipway.tabular.training import Channels


def main(setup: dict, out: Path) -> None:
    """Prepare, baseline, train, pack the model as Train does, evaluate."""
    made = out / "prepared"
    prepare.main(Path(setup["raw"]), made, setup["prepare"])
    written = baseline.Folders(made / "baseline", out / "calculated", out / "baseline")
    baseline.main(written, Lifecycle.from_environment({}))
    channels = Channels(made / "train", made / "validation", made / "encoder")
    train.main(channels, out / "model", setup["train"], Hosts(("algo-1",), "algo-1"), Path(setup["serving_code"]))
    model = out / "handed_on"
    model.mkdir()
    files = [(path.relative_to(out / "model").as_posix(), path) for path in (out / "model").rglob("*")]
    archives.pack([(name, path) for name, path in files if path.is_file()], model / "model.tar.gz")
    for name in ("statistics", "constraints"):
        (out / "limits" / name).mkdir(parents=True)
        shutil.copy(out / "baseline" / f"{name}.json", out / "limits" / name)
    folders = Folders(model, made / "test", made / "golden", out / "evaluation", out / "limits")
    evaluate.main(folders, setup["evaluate"])


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
