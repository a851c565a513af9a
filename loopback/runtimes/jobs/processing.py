"""The processing container contract: config files, inputs, outputs, exit message.

Source: docs/container-contract.md.
"""

import json
from typing import Any

from loopback.runtimes.jobs import images, transfer
from loopback.runtimes.jobs.images import Runtime
from loopback.runtimes.jobs.job_dir import Host, JobDir, environment
from loopback.runtimes.jobs.messages import HostSpec
from loopback.runtimes.jobs.ports import Job, JobFault, Ports
from loopback.runtimes.jobs.supervise import HostsEnded
from loopback.runtimes.jobs.transfer import S3Source

GROUP = "/aws/sagemaker/ProcessingJobs"
PROCESSING = "/opt/ml/processing/"
MESSAGE_BYTES = 1024
PROGRAMS = {  # of images with an entrypoint of their own
    images.ANALYZER: "loopback.images.model_monitor.analyzer:main",
    images.CLARIFY: "loopback.images.clarify.program:main",
}
METRICS = "output/metrics/cloudwatch"


class Processing:
    """One processing job. `exit_message` is there after `finish`."""

    group = GROUP
    metrics: tuple[dict[str, str], ...] = ()

    def __init__(self, job: Job, ports: Ports, place: JobDir, runtime: Runtime) -> None:
        self.job, self.ports, self.place, self.runtime = job, ports, place, runtime
        self.exit_message: str | None = None
        self.artifacts: str | None = None
        self._sync = transfer.Sync(ports.objects)

    def prepare(self) -> list[HostSpec]:
        """Fill the hosts' folders. Raises JobFault."""
        request = self.job.request
        for entry in request.get("ProcessingInputs") or []:
            self._bring(entry)
        outputs = (request.get("ProcessingOutputConfig") or {}).get("Outputs") or []
        for host in self.place.hosts:
            for entry in outputs:
                host.at(_output(entry)["LocalPath"]).mkdir(parents=True, exist_ok=True)
            config = {"current_host": host.name, "hosts": self.place.names}
            host.write("/opt/ml/config/resourceconfig.json", config)
            host.write("/opt/ml/config/processingjobconfig.json", echo(self.job))
        return [self._spec(host) for host in self.place.hosts]

    def _bring(self, entry: dict[str, Any]) -> None:
        """Download one input to every host that has a part in it."""
        source = entry.get("S3Input")
        name = entry.get("InputName")
        if source is None:
            raise JobFault(f"ClientError: input {name}: only S3Input is supported here, not DatasetDefinition")
        if source.get("S3InputMode", "File") != "File":
            raise JobFault(f"ClientError: input {name}: S3InputMode Pipe is not supported here; use File")
        if source.get("S3CompressionType", "None") == "Gzip":
            raise JobFault(f"ClientError: input {name}: S3CompressionType Gzip needs S3InputMode Pipe")
        path = source.get("LocalPath", "")
        _check_path(path, f"input {name}")
        distribution = source.get("S3DataDistributionType", "FullyReplicated")
        found = transfer.items(self.ports.objects, S3Source(source["S3Uri"], source.get("S3DataType", "S3Prefix")))
        for host in self.place.hosts:
            part = transfer.share(found, distribution, host.number - 1, len(self.place.hosts))
            transfer.download(self.ports.objects, part, host.at(path))

    def _spec(self, host: Host) -> HostSpec:
        app = self.job.request["AppSpecification"]
        argv = (*(app.get("ContainerEntrypoint") or ()), *(app.get("ContainerArguments") or ()))
        program = None if app.get("ContainerEntrypoint") else PROGRAMS.get(self.runtime)
        if not argv and program is None:
            raise JobFault("ClientError: AppSpecification has no ContainerEntrypoint, and the image has none here")
        network = self.job.request.get("NetworkConfig") or {}
        job = {"PROCESSING_JOB_NAME": self.job.name, "PROCESSING_JOB_ARN": self.job.arn}
        return HostSpec(
            argv=argv or (self.runtime.name,),
            environ=job | environment(self.job, host, self.runtime.interpreter or self.ports.python),
            folder=str(host.ml),
            hostname=host.name,
            hosts_file=str(host.root / "hosts"),
            builtin=program,
            interpreter=self.runtime.interpreter,
            isolated=bool(network.get("EnableNetworkIsolation")),
        )

    def tick(self) -> None:
        """Send what has changed in Continuous outputs."""
        if self._sync.due():
            self._send_changed()

    def _send_changed(self) -> None:
        for output in self._outputs("Continuous"):
            for host in self.place.hosts:
                files = transfer.files_below(host.output_path(output["LocalPath"]))
                self._sync.send((path, f"{output['S3Uri'].rstrip('/')}/{name}") for path, name in files)

    def finish(self, ended: HostsEnded) -> None:
        """Send the outputs: Continuous ones whatever happened, the others unless the job failed. Raises JobFault."""
        self._send_changed()
        if not any(end.code for end in ended.exits) or ended.halt:
            for output in self._outputs("EndOfJob"):
                for host in self.place.hosts:
                    transfer.upload(self.ports.objects, host.output_path(output["LocalPath"]), output["S3Uri"])
        self.exit_message = self._message()
        self._publish()

    def _publish(self) -> None:
        """Hand on the metrics that containers leave as files. Raises JobFault for what is no metric.

        Source: AWS, model-monitor-interpreting-cloudwatch.
        """
        folders = [host.output_path(f"/opt/ml/{METRICS}") for host in self.place.hosts]
        paths = [path for folder in folders for path, name in transfer.files_below(folder) if name.endswith(".jsonl")]
        if self.ports.publish is None or not paths:
            return
        try:
            lines = [json.loads(line) for path in paths for line in path.read_text().splitlines() if line.strip()]
        except ValueError as error:
            raise JobFault(f"ClientError: /opt/ml/{METRICS} holds a line that is not JSON: {error}") from None
        self.ports.publish(self.job.request.get("Environment") or {}, lines)

    def _outputs(self, mode: str) -> list[dict[str, Any]]:
        entries = (self.job.request.get("ProcessingOutputConfig") or {}).get("Outputs") or []
        return [output for output in map(_output, entries) if output.get("S3UploadMode", "EndOfJob") == mode]

    def _message(self) -> str | None:
        """The first 1 KB that the hosts wrote for the caller. Raises JobFault if it is not UTF-8."""
        parts = [host.read("/opt/ml/output/message", MESSAGE_BYTES) for host in self.place.hosts]
        content = b"".join(parts)[:MESSAGE_BYTES]
        try:
            return content.decode() or None
        except UnicodeDecodeError as error:
            if error.reason == "unexpected end of data":  # cut in the middle of a character
                return content[: error.start].decode()
            raise JobFault("ClientError: /opt/ml/output/message is not UTF-8 text") from None

    def explain(self, code: int, message: str) -> tuple[str, int]:
        """The message that the container left for its caller says more than the last words of its log."""
        return self._message() or message, code


def _check_path(path: str, what: str) -> None:
    if not f"{path}/".startswith(PROCESSING) or ".." in path.split("/"):
        raise JobFault(f"ClientError: {what}: LocalPath {path!r} must start with {PROCESSING}")


def _output(entry: dict[str, Any]) -> dict[str, Any]:
    """The S3Output of an output, checked."""
    output: dict[str, Any] | None = entry.get("S3Output")
    name = f"output {entry.get('OutputName')}"
    if output is None:
        raise JobFault(f"ClientError: {name}: only S3Output is supported here, not FeatureStoreOutput")
    _check_path(output.get("LocalPath", ""), name)
    return output


def echo(job: Job) -> dict[str, Any]:
    """processingjobconfig.json: the request with its defaults filled in, and the ARN."""
    request = dict(job.request)
    inputs = [{"AppManaged": False, **entry} for entry in request.get("ProcessingInputs") or []]
    config = request.get("ProcessingOutputConfig") or {}
    outputs = [{"AppManaged": False, **entry} for entry in config.get("Outputs") or []]
    cluster = (request.get("ProcessingResources") or {}).get("ClusterConfig") or {}
    return {
        "ProcessingJobArn": job.arn,
        "ProcessingJobName": job.name,
        "AppSpecification": request.get("AppSpecification"),
        "Environment": request.get("Environment") or {},
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {"KmsKeyId": config.get("KmsKeyId"), "Outputs": outputs},
        "ProcessingResources": {"ClusterConfig": {"VolumeKmsKeyId": None, **cluster}},
        "RoleArn": request.get("RoleArn"),
        "StoppingCondition": request.get("StoppingCondition") or {"MaxRuntimeInSeconds": 86400},
    }
