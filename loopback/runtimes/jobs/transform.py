"""Batch transform jobs: the model unpacked into /opt/ml/model, inputs shared among hosts, results as <key>.out."""

import json
from typing import Any

from loopback.images.serving.models import SKLEARN, XGBOOST
from loopback.runtimes.jobs import archives, environments, images, records, transfer
from loopback.runtimes.jobs.images import Runtime
from loopback.runtimes.jobs.job_dir import Host, JobDir, environment
from loopback.runtimes.jobs.messages import HostSpec
from loopback.runtimes.jobs.ports import Job, JobFault, Ports
from loopback.runtimes.jobs.records import BadRecord
from loopback.runtimes.jobs.supervise import HostsEnded
from loopback.runtimes.jobs.transfer import S3Source

GROUP = "/aws/sagemaker/TransformJobs"
PROGRAM = "loopback.runtimes.jobs.batch:main"
CODE = "/opt/ml/code"
SERVING = {images.XGBOOST.name: XGBOOST, images.SKLEARN.name: SKLEARN}


class Transform:
    """One transform job."""

    group = GROUP
    exit_message: str | None = None
    artifacts: str | None = None
    metrics: tuple[dict[str, str], ...] = ()

    def __init__(self, job: Job, ports: Ports, place: JobDir, runtime: Runtime) -> None:
        self.job, self.ports, self.place, self.runtime = job, ports, place, runtime
        self.model: dict[str, Any] = dict(job.model or {})

    def prepare(self) -> list[HostSpec]:
        """Fill the hosts' folders. Raises JobFault."""
        if self.runtime.name not in SERVING:
            raise JobFault(
                "ClientError: transform jobs run the XGBoost and scikit-learn images here, "
                f"not {self.model.get('Image')}"
            )
        try:
            records.plan_of(self.job.request)
        except BadRecord as error:
            raise JobFault(f"ClientError: {error}") from None
        source = self.job.request["TransformInput"]["DataSource"]["S3DataSource"]
        found = transfer.items(self.ports.objects, S3Source(source["S3Uri"], source.get("S3DataType", "S3Prefix")))
        for host in self.place.hosts:
            self._bring_model(host)
            part = transfer.share(found, "ShardedByS3Key", host.number - 1, len(self.place.hosts))
            transfer.download(self.ports.objects, part, host.root / "in")
            (host.root / "out").mkdir()
            (host.root / "plan.json").write_text(json.dumps(self.job.request))
        return [self._spec(host) for host in self.place.hosts]

    def _bring_model(self, host: Host) -> None:
        target = host.ml / "model"
        source = (self.model.get("ModelDataSource") or {}).get("S3DataSource") or {}
        uri = self.model.get("ModelDataUrl") or source.get("S3Uri")
        if not uri:
            raise JobFault("ClientError: the model has neither ModelDataUrl nor ModelDataSource")
        if source.get("CompressionType") == "None":
            transfer.download(self.ports.objects, transfer.items(self.ports.objects, S3Source(uri)), target)
            return
        archives.fetch(self.ports.objects, uri, target, "Model download failed")

    def _spec(self, host: Host) -> HostSpec:
        request, python = self.job.request, None
        requirements = host.ml / "model" / "code" / "requirements.txt"
        if requirements.is_file():
            known = self.ports.folder.parent / "environments"
            python = environments.python_with(requirements, self.ports.python, known)
        megabytes = request.get("MaxPayloadInMB")
        strategy = request.get("BatchStrategy") or "MultiRecord"
        environ = {
            **environment(self.job, host, self.runtime.interpreter or self.ports.python),
            "SAGEMAKER_SERVING_MODULE": SERVING[self.runtime.name],
            "SAGEMAKER_BATCH": "true",
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(6 if megabytes is None else megabytes),
            "SAGEMAKER_BATCH_STRATEGY": "SINGLE_RECORD" if strategy == "SingleRecord" else "MULTI_RECORD",
            "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(request.get("MaxConcurrentTransforms") or 1),
            **(self.model.get("Environment") or {}),
            **(request.get("Environment") or {}),
        }
        if (submitted := environ.get("SAGEMAKER_SUBMIT_DIRECTORY", "")).startswith("s3://"):
            archives.fetch(self.ports.objects, submitted, host.at(CODE), "Code download failed")
            environ["SAGEMAKER_SUBMIT_DIRECTORY"] = CODE
        return HostSpec(
            argv=("transform", str(host.root)),
            environ=environ,
            folder=str(host.ml),
            hostname=host.name,
            hosts_file=str(host.root / "hosts"),
            builtin=PROGRAM,
            interpreter=python,
            isolated=bool(self.model.get("EnableNetworkIsolation")),
        )

    def tick(self) -> None:
        """Nothing is sent before the end."""

    def finish(self, ended: HostsEnded) -> None:
        """Send the results of a job that completed. Raises JobFault."""
        if any(end.code or end.lost for end in ended.exits):
            return
        target = self.job.request["TransformOutput"]["S3OutputPath"]
        for host in self.place.hosts:
            transfer.upload(self.ports.objects, host.root / "out", target)

    def explain(self, code: int, message: str) -> tuple[str, int]:
        """The fault that the program wrote, which is the customer's to repair."""
        for host in self.place.hosts:
            if (path := host.root / "fault").is_file():
                return f"ClientError: {path.read_text()}", code
        return message, code
