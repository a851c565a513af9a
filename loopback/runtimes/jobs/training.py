"""The training container contract: config files, channels, checkpoints, script mode, artifacts."""

import os
from pathlib import Path
from typing import Any

from loopback.core.objects import split_uri
from loopback.core.unpacking import GIB, VOLUME
from loopback.images.xgboost import hyperparameters
from loopback.runtimes.jobs import archives, environments, images, script_mode, transfer
from loopback.runtimes.jobs.images import Runtime
from loopback.runtimes.jobs.job_dir import Host, JobDir, environment
from loopback.runtimes.jobs.messages import HostSpec
from loopback.runtimes.jobs.ports import Job, JobFault, Ports
from loopback.runtimes.jobs.supervise import HostsEnded
from loopback.runtimes.jobs.transfer import S3Source

GROUP = "/aws/sagemaker/TrainingJobs"
CONFIG = "/opt/ml/input/config"
CHECKPOINTS = "/opt/ml/checkpoints"
FAILURE_CHARACTERS = 1024
ALGORITHM = "loopback.images.xgboost.train:main"
ALGORITHM_METRICS = tuple(
    {"Name": f"{part}:{metric}", "Regex": rf"#011{part}-{metric}:(\S+)"}
    for part in ("train", "validation")
    for metric in (*hyperparameters.MAXIMISED, *hyperparameters.MINIMISED)
)
FRAMEWORKS = {
    images.XGBOOST.name: "sagemaker_xgboost_container.training:main",
    images.SKLEARN.name: "sagemaker_sklearn_container.training:main",
}


class Training:
    """One training job. `artifacts` is the S3 URI of the model after `finish`."""

    group = GROUP
    exit_message: str | None = None

    def __init__(self, job: Job, ports: Ports, place: JobDir, runtime: Runtime) -> None:
        self.job, self.ports, self.place, self.runtime = job, ports, place, runtime
        self.artifacts: str | None = None
        self.request = job.request
        self.hyperparameters: dict[str, str] = dict(job.request.get("HyperParameters") or {})
        self.channels = {entry["ChannelName"]: entry for entry in job.request.get("InputDataConfig") or []}
        self.script: tuple[str, ...] | None = None  # the user's command line in script mode
        self.metrics: tuple[dict[str, str], ...] = ()  # MetricDefinitions that the image brings along
        self._sync = transfer.Sync(ports.objects)

    def prepare(self) -> list[HostSpec]:
        """Fill the hosts' folders. Raises JobFault."""
        for host in self.place.hosts:
            for part in ("model", "output/data", "input/data", "code"):
                (host.ml / part).mkdir(parents=True, exist_ok=True)
            self._configure(host)
        for name, channel in self.channels.items():
            self._bring(name, channel)
        self._restore_checkpoints()
        return [self._spec(host) for host in self.place.hosts]

    def _configure(self, host: Host) -> None:
        host.write(f"{CONFIG}/hyperparameters.json", self.hyperparameters)
        host.write(f"{CONFIG}/inputdataconfig.json", self._channel_config())
        host.write(f"{CONFIG}/resourceconfig.json", self._resources(host))
        if checkpoints := self.request.get("CheckpointConfig"):
            path = checkpoints.get("LocalPath") or CHECKPOINTS
            host.write(f"{CONFIG}/checkpointconfig.json", {"LocalPath": path, "S3Uri": checkpoints["S3Uri"]})
            host.at(path).mkdir(parents=True, exist_ok=True)

    def _channel_config(self) -> dict[str, Any]:
        found = {}
        for name, channel in self.channels.items():
            source = (channel.get("DataSource") or {}).get("S3DataSource") or {}
            found[name] = {
                **({"ContentType": channel["ContentType"]} if channel.get("ContentType") else {}),
                "TrainingInputMode": "File",
                "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
                "RecordWrapperType": channel.get("RecordWrapperType", "None"),
            }
        return found

    def _resources(self, host: Host) -> dict[str, Any]:
        instance = self.request["ResourceConfig"].get("InstanceType", "ml.m5.large")
        group = {"instance_group_name": "homogeneousCluster", "instance_type": instance, "hosts": self.place.names}
        return {
            "current_host": host.name,
            "current_instance_type": instance,
            "current_group_name": "homogeneousCluster",
            "hosts": self.place.names,
            "instance_groups": [group],
            "network_interface_name": "lo",
        }

    def _bring(self, name: str, channel: dict[str, Any]) -> None:
        """Download one channel to every host that has a part in it."""
        source = (channel.get("DataSource") or {}).get("S3DataSource")
        mode = channel.get("InputMode") or self.request["AlgorithmSpecification"].get("TrainingInputMode") or "File"
        if source is None:
            raise JobFault(f"ClientError: channel {name}: only S3DataSource is supported here, not file systems")
        if mode == "Pipe":
            raise JobFault(f"ClientError: channel {name}: input mode Pipe is not supported here; use File")
        if channel.get("CompressionType", "None") == "Gzip" or channel.get("RecordWrapperType", "None") != "None":
            raise JobFault(f"ClientError: channel {name}: CompressionType and RecordWrapperType need input mode Pipe")
        distribution = source.get("S3DataDistributionType", "FullyReplicated")
        found = transfer.items(self.ports.objects, S3Source(source["S3Uri"], source.get("S3DataType", "S3Prefix")))
        for host in self.place.hosts:
            part = transfer.share(found, distribution, host.number - 1, len(self.place.hosts))
            transfer.download(self.ports.objects, part, host.ml / "input" / "data" / name)

    def _spec(self, host: Host) -> HostSpec:
        environ = {"TRAINING_JOB_NAME": self.job.name, "TRAINING_JOB_ARN": self.job.arn}
        environ |= environment(self.job, host, self.runtime.interpreter or self.ports.python)
        argv, builtin, python = self._entrypoint(), None, self.runtime.interpreter
        if argv is None:
            program = script_mode.setting("program", self.request.get("Environment") or {}, self.hyperparameters)
            if self.runtime == images.XGBOOST:
                self.metrics = ALGORITHM_METRICS
            if program is None and self.runtime == images.XGBOOST:
                argv, builtin = ("train", self.request["AlgorithmSpecification"]["TrainingImage"]), ALGORITHM
            else:
                argv, environ = self._script(host, program, environ)
                if (requirements := host.ml / "code" / "requirements.txt").is_file():
                    known = self.ports.folder.parent / "environments"
                    python = environments.python_with(requirements, python or self.ports.python, known)
                    environ["PATH"] = f"{os.path.dirname(python)}:{environ['PATH']}"
        return HostSpec(
            argv=argv,
            environ=environ,
            folder=str(host.ml),
            cwd=script_mode.CODE,
            hostname=host.name,
            hosts_file=str(host.root / "hosts"),
            builtin=builtin,
            interpreter=python,
            isolated=bool(self.request.get("EnableNetworkIsolation")),
        )

    def _entrypoint(self) -> tuple[str, ...] | None:
        """The request's own command, or None for the image's `train`."""
        algorithm = self.request["AlgorithmSpecification"]
        entrypoint, given = algorithm.get("ContainerEntrypoint"), algorithm.get("ContainerArguments")
        if entrypoint:
            return (*entrypoint, *(given or ()))
        if given and list(given) != ["train"]:
            raise JobFault(
                "ClientError: ContainerArguments without ContainerEntrypoint go to the image's own entrypoint, "
                f"which takes only `train` here, not {given}"
            )
        return None

    def _script(
        self, host: Host, program: str | None, environ: dict[str, str]
    ) -> tuple[tuple[str, ...], dict[str, str]]:
        """Script mode: the user's code in /opt/ml/code, its command line and variables."""
        if not program:
            raise JobFault(
                "ClientError: no user script: set SAGEMAKER_PROGRAM or the hyperparameter sagemaker_program"
                + (
                    " (SAGEMAKER_PROGRAM is set to nothing, which the images take for a script)"
                    if program == ""
                    else ""
                )
            )
        settings = self.request.get("Environment") or {}
        submitted = script_mode.setting("submit_directory", settings, self.hyperparameters) or script_mode.CODE
        if submitted.startswith("s3://"):
            archives.fetch(self.ports.objects, submitted, host.ml / "code", "Code download failed", self._volume)
        elif submitted.startswith("/opt/ml/input/data/") and submitted.endswith(".tar.gz"):
            archives.unpack(host.at(submitted), host.ml / "code", submitted, self._volume)
        elif submitted.startswith("/opt/ml/input/data/"):
            transfer.copy_folder(host.at(submitted), host.ml / "code")
        if not (host.ml / "code" / program).exists():
            raise JobFault(f"ClientError: the user script {program!r} is not in {submitted}")
        facts = script_mode.HostFacts(
            self.job.name,
            self.job.region,
            host.name,
            self.hyperparameters,
            self._resources(host),
            self._channel_config(),
            FRAMEWORKS.get(self.runtime.name, ""),
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        )
        given = script_mode.arguments(script_mode.users(self.hyperparameters))
        self.script = script_mode.command(program, given, as_module=self.runtime == images.XGBOOST)
        paths = [script_mode.CODE, *filter(None, [environ.get("PYTHONPATH")])]
        environ["PYTHONPATH"] = ":".join(paths)
        return self.script, {**environ, **script_mode.variables(facts, program, submitted)}

    @property
    def _volume(self) -> int:
        """The bytes that its volume has."""
        return int(self.request["ResourceConfig"].get("VolumeSizeInGB") or 0) * GIB or VOLUME

    def _restore_checkpoints(self) -> None:
        config = self.request.get("CheckpointConfig")
        if not config:
            return
        bucket, prefix = split_uri(config["S3Uri"])
        with transfer.blame(f"Checkpoint download failed: {config['S3Uri']}"):
            found = self.ports.objects.list(bucket, prefix.rstrip("/") + "/")
        parts = [transfer.S3Item(bucket, entry.key, transfer.local_path(entry.key, prefix)) for entry in found]
        for host in self.place.hosts:
            transfer.download(self.ports.objects, parts, host.at(config.get("LocalPath") or CHECKPOINTS))

    def tick(self) -> None:
        """Send new and changed checkpoints."""
        if self._sync.due():
            self.send_checkpoints()

    def send_checkpoints(self) -> None:
        """Send those that are new or other than they were. Raises JobFault."""
        config = self.request.get("CheckpointConfig")
        if not config:
            return
        folders = [host.output_path(config.get("LocalPath") or CHECKPOINTS) for host in self.place.hosts]
        base = config["S3Uri"].rstrip("/")
        self._sync.send((path, f"{base}/{name}") for name, path in archives.merge_folders(folders))

    def finish(self, ended: HostsEnded) -> None:
        """Send checkpoints; then, unless the job failed, the model and the output data. Raises JobFault."""
        self.send_checkpoints()
        if any(end.code for end in ended.exits) and not ended.halt:
            return
        config = self.request["OutputDataConfig"]
        base = f"{config['S3OutputPath'].rstrip('/')}/{self.job.name}/output"
        model = archives.merge_folders(host.output_path("/opt/ml/model") for host in self.place.hosts)
        data = archives.merge_folders(host.output_path("/opt/ml/output/data") for host in self.place.hosts)
        if config.get("CompressionType") == "NONE":
            for folder, files in (("model", model), ("data", data)):
                for name, path in files:
                    transfer.upload_file(self.ports.objects, path, f"{base}/{folder}/{name}")
            self.artifacts = f"{base}/model/"
            return
        if data:
            self._send_archive(data, f"{base}/output.tar.gz")
        self._send_archive(model, f"{base}/model.tar.gz")
        self.artifacts = f"{base}/model.tar.gz"

    def _send_archive(self, files: list[tuple[str, Path]], uri: str) -> None:
        target = self.place.root / uri.rpartition("/")[2]
        archives.pack(files, target)
        transfer.upload_file(self.ports.objects, target, uri)

    def explain(self, code: int, message: str) -> tuple[str, int]:
        """A host's failure file; in script mode, what the toolkit would have written there and its exit code."""
        if self.script:
            return self._written_failure() or script_mode.failure_text(self.script, code, message), 1
        return self._written_failure() or message, code

    def _written_failure(self) -> str | None:
        for host in self.place.hosts:
            if text := host.read("/opt/ml/output/failure", 4 * FAILURE_CHARACTERS).decode(errors="replace"):
                return text[:FAILURE_CHARACTERS].strip() or None
        return None
