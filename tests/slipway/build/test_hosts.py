"""One training job on several hosts: real processes that meet through XGBoost's collective."""

import json
import os
import socket
import subprocess
import sys

import pytest

from slipway.build import bundles
from slipway.tabular import classification, parts
from slipway.tabular.encoder import Encoder
from slipway.tabular.hosts import Hosts, tracker
from slipway.tabular.job import JobError
from slipway.tabular.serving import Model
from tests.slipway.conftest import ROOT
from tests.tables import only_real


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def environment(made, folder, rank, world, port):
    names = [f"127.0.0.{n + 1}" for n in range(world)]
    return {
        "PATH": os.environ["PATH"],
        "SAGEMAKER_BASE_DIR": str(folder),
        "SM_HOSTS": json.dumps(names),
        "SM_CURRENT_HOST": names[rank],
        "SM_HPS": json.dumps({**made.params, "num_round": 60}),
        "SM_MODEL_DIR": str(folder / f"model-{rank}"),
        "SM_NUM_CPUS": "1",
        "OMP_NUM_THREADS": "1",
        "XGBOOST_TRACKER_PORT": str(port),
        **{f"SM_CHANNEL_{n.upper()}": str(made.folder / "out" / n) for n in ("train", "validation", "encoder")},
    }


def train(made, folder, world):
    bundles.training(ROOT / "pipelines/churn").write(folder / "code")
    port = free_port()
    hosts = [
        subprocess.Popen(
            [sys.executable, "train.py"],
            cwd=folder / "code",
            env=environment(made, folder, rank, world, port),
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        for rank in reversed(range(world))  # the tracker's host starts last
    ]
    for host in hosts:
        _, errors = host.communicate(timeout=60)
        assert host.returncode == 0, errors.decode()


def auc(made, model_dir):
    model = Model.load(model_dir)
    x, y = parts.matrix(made.folders.test, Encoder.load(model_dir), "churn")
    return classification.figures(y, model.predict(x))["auc"]


@pytest.fixture(scope="module")
def alone(churn, tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    train(churn, folder, 1)
    return auc(churn, folder / "model-0")


@only_real
@pytest.mark.parametrize("world", [2, 3])
def test_several_hosts_reach_the_quality_of_one(churn, alone, tmp_path, world):
    train(churn, tmp_path / "many", world)
    together = auc(churn, tmp_path / "many" / "model-0")
    assert together == pytest.approx(alone, abs=0.01)
    assert together > 0.97
    assert [rank for rank in range(world) if (tmp_path / "many" / f"model-{rank}").exists()] == [0]


@pytest.mark.parametrize("world", [1, 2, 3, 7])
def test_every_row_goes_to_exactly_one_host(churn, world):
    encoder, folder = Encoder.load(churn.channels.encoder), churn.channels.train
    whole, labels = parts.matrix(folder, encoder, "churn")
    for rank in range(world):
        mine, theirs = parts.matrix(folder, encoder, "churn", rank, world)
        assert mine.tobytes() == whole[rank::world].tobytes()
        assert theirs.tobytes() == labels[rank::world].tobytes()


def test_a_port_that_is_taken_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(JobError, match=f"can't listen on 127.0.0.1:{port}"),
            tracker(Hosts(("127.0.0.1", "b"), "127.0.0.1", port)),
        ):
            pass


def test_hosts_come_from_the_toolkit_s_variables():
    assert Hosts.from_environment({}).names == ("algo-1",)
    many = {"SM_HOSTS": '["algo-1","algo-2"]', "SM_CURRENT_HOST": "algo-2", "XGBOOST_TRACKER_PORT": "1234"}
    hosts = Hosts.from_environment(many)
    assert (hosts.rank, hosts.is_first, hosts.port) == (1, False, 1234)
    ports = {Hosts.from_environment({"TRAINING_JOB_NAME": f"job-{n}"}).port for n in range(20)}
    assert len(ports) > 15
