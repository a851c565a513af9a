"""The XGBoost container's own algorithm: what `train` does there without a user script. Runs in a job host.

Its argument is the image, whose version decides on formats. Reads /opt/ml/input, writes
/opt/ml/model/xgboost-model; with several hosts through xgboost's collective, first to learn who has data (port 9099),
then to train (port 9100).

Source: docs/container-contract.md.
"""

import json
import os
import pickle
import signal
import socket
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from loopback.images.xgboost import hyperparameters
from loopback.images.xgboost.data import matrix_of
from loopback.images.xgboost.hyperparameters import UserError
from loopback.images.xgboost.metrics import custom_metric
from loopback.images.xgboost.version import xgboost_version

OPT_ML = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
FIRST_PORT, SECOND_PORT = 9099, 9100
KEPT_CHECKPOINTS = 5
PICKLES_ENDED = (1, 3)  # the version that saves models in its own format
TRACKER_SECONDS = 30.0
LISTENING = "0A"  # in /proc/net/tcp


def main(_environ: Mapping[str, str]) -> int:
    """Train, and explain a failure in the failure file. The exit code."""
    try:
        train()
    except UserError as error:
        return _explain(f"UserError: {error}")
    except Exception as error:  # noqa: BLE001 - whatever it is, the failure file says it
        traceback.print_exc()
        return _explain(f"AlgorithmError: {error}")
    return 0


def _explain(text: str) -> int:
    print(text, file=sys.stderr)
    (OPT_ML / "output" / "failure").write_text(text)
    return 1


def _config(name: str) -> Any:
    path = OPT_ML / "input" / "config" / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def train() -> None:
    """One host's part in a training. Raises UserError."""
    values = hyperparameters.validate(_config("hyperparameters"), xgboost_version(sys.argv[1]))
    channels = _config("inputdataconfig")
    if "train" not in channels:
        raise UserError("Missing required channel: train")
    weights = values.get("csv_weights") == 1
    data = {
        name: matrix_of(OPT_ML / "input" / "data" / channel, channels[channel].get("ContentType"), weights=weights)
        for name, channel in (("train", "train"), ("validation", "validation"))
        if channel in channels
    }
    resources = _config("resourceconfig")
    if len(resources["hosts"]) > 1:
        _train_together(values, data, resources)
    elif data["train"] is None:
        raise UserError("No data in the train channel")
    else:
        _fit(values, data, master=True)


def _train_together(values: Mapping[str, Any], data: Mapping[str, Any], resources: Mapping[str, Any]) -> None:
    """Hosts without data leave after the first round; the first of the others saves the model."""
    from xgboost import collective

    hosts, host = resources["hosts"], resources["current_host"]
    has_data = data["train"] is not None and data["train"].num_row() > 0
    with _communicator(hosts, host, FIRST_PORT):
        told = [collective.broadcast([host, has_data], root) for root in range(len(hosts))]
    working = sorted(name for name, has in told if has)
    if not working:
        raise UserError("No host has data in its train channel")
    if not has_data:
        print(f"Host {host} does not have data: leaving the training", flush=True)
        return
    if len(working) == 1:
        _fit(values, data, master=True)
        return
    with _communicator(working, host, SECOND_PORT):
        _fit(values, data, master=collective.get_rank() == 0)


class _communicator:  # noqa: N801 - used as a function
    """The collective of `hosts`; the first of them runs the tracker."""

    def __init__(self, hosts: list[str], host: str, port: int) -> None:
        from xgboost.collective import CommunicatorContext
        from xgboost.tracker import RabitTracker

        address = socket.gethostbyname(hosts[0])
        self.tracker = None
        if host == hosts[0]:
            self.tracker = RabitTracker(n_workers=len(hosts), host_ip=address, port=port, sortby="task")
            self.tracker.start()
        else:
            _await_listener(address, port)
        self.context = CommunicatorContext(
            dmlc_tracker_uri=address,
            dmlc_tracker_port=port,
            dmlc_task_id=str(hosts.index(host)),
            dmlc_retry=20,
        )

    def __enter__(self) -> None:
        self.context.__enter__()

    def __exit__(self, *error: object) -> None:
        self.context.__exit__(*error)
        if self.tracker:
            self.tracker.wait_for()


def _await_listener(address: str, port: int) -> None:
    """Wait for the tracker, since xgboost itself looks again only after seconds. Looked up: connecting would count."""
    wanted = f"{socket.inet_aton(address)[::-1].hex().upper()}:{port:04X}"
    deadline = time.monotonic() + TRACKER_SECONDS
    while time.monotonic() < deadline:
        try:
            rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        except OSError:
            return
        if any(row[1] == wanted and row[3] == LISTENING for row in rows):
            return
        time.sleep(0.01)


def _fit(values: Mapping[str, Any], data: Mapping[str, Any], *, master: bool) -> None:
    import xgboost

    evals = [(matrix, name) for name, matrix in data.items() if matrix is not None]
    ours, extra = hyperparameters.metrics_of(values)
    parameters = hyperparameters.training_parameters(values)
    if ours or extra:
        parameters["eval_metric"] = ours
        parameters["disable_default_eval_metric"] = not ours
    checkpoints = _config("checkpointconfig").get("LocalPath")
    previous, done = _newest_checkpoint(checkpoints)
    callbacks: list[Any] = [_monitor(done)]
    callbacks += _early_stopping(values, has_validation=any(name == "validation" for _, name in evals))
    if master and (checkpoints or values.get("save_model_on_termination") == "true"):
        callbacks.append(_saver(checkpoints, done, at_end=values.get("save_model_on_termination") == "true"))
    try:
        booster = xgboost.train(
            parameters,
            data["train"],
            num_boost_round=values["num_round"] - done,
            evals=evals,
            custom_metric=custom_metric(extra, values.get("objective", "")) if extra else None,
            callbacks=callbacks,
            xgb_model=xgboost.Booster(model_file=bytearray(previous.read_bytes())) if previous else None,
            verbose_eval=False,
        )
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise UserError(str(error).strip().splitlines()[0] if str(error).strip() else repr(error)) from error
    if master:
        (OPT_ML / "model").mkdir(exist_ok=True)
        (OPT_ML / "model" / "xgboost-model").write_bytes(_serialize(booster, xgboost_version(sys.argv[1])))


def _serialize(booster: Any, version: tuple[int, int]) -> bytes:
    """As the image of that version saves it: scripts that evaluate the model load it accordingly."""
    if version < PICKLES_ENDED:
        return pickle.dumps(booster, protocol=4)
    return bytes(booster.save_raw("ubj"))  # as save_model without extension


def _early_stopping(values: Mapping[str, Any], *, has_validation: bool) -> list[Any]:
    """Only with validation data, rounds and a metric that was named: the container's callback.py and train.py.

    The tuner's metric comes before the last of eval_metric.
    """
    import xgboost

    rounds, named = values.get("early_stopping_rounds"), list(values.get("eval_metric", []))
    tuned = values.get("_tuning_objective_metric", "").removeprefix("validation:")
    watched = tuned or (named[-1] if named else "")
    if not (has_validation and rounds and watched):
        return []
    maximise = watched.partition("@")[0] in hyperparameters.MAXIMISED
    return [
        xgboost.callback.EarlyStopping(
            rounds, metric_name=watched, data_name="validation", maximize=maximise, save_best=True
        )
    ]


def _monitor(done: int) -> Any:
    import xgboost

    class Monitor(xgboost.callback.EvaluationMonitor):  # type: ignore[misc]
        """Prints a line per round, counted from the first round of all."""

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            return bool(super().after_iteration(model, done + epoch, evals_log))

    return Monitor()


def _newest_checkpoint(folder: str | None) -> tuple[Path | None, int]:
    """The checkpoint to go on from, and how many rounds it holds."""
    found = [(int(path.suffix[1:]), path) for path in Path(folder or "/nonexistent").glob("xgboost-checkpoint.*")]
    if not found:
        return None, 0
    number, path = max(found)
    return path, number + 1


def _saver(folder: str | None, done: int, *, at_end: bool) -> Any:
    import xgboost

    class Saver(xgboost.callback.TrainingCallback):  # type: ignore[misc]
        """Writes checkpoints, keeps the newest, and on SIGTERM the model as it is."""

        def __init__(self) -> None:
            super().__init__()
            self.ending = False
            if at_end:
                signal.signal(signal.SIGTERM, self._end)

        def _end(self, *_: object) -> None:
            self.ending = True

        def after_iteration(self, model: Any, epoch: int, evals_log: object) -> bool:  # noqa: ARG002
            """Save a checkpoint, and drop the oldest; whether training ends here."""
            if folder:
                number = done + epoch
                part = Path(folder, f".xgboost-checkpoint.{number}")
                part.write_bytes(model.save_raw("ubj"))
                part.rename(Path(folder, f"xgboost-checkpoint.{number}"))
                Path(folder, f"xgboost-checkpoint.{number - KEPT_CHECKPOINTS}").unlink(missing_ok=True)
            if self.ending:
                print("SIGTERM: saving the model as it is", flush=True)
            return self.ending

    return Saver()
