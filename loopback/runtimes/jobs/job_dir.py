"""A job's folder on this machine: one folder a host, with its /opt/ml, home, temporary files and /etc/hosts."""

import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from loopback.runtimes.jobs import processes
from loopback.runtimes.jobs.ports import Job, JobFault

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
OPT_ML = PurePosixPath("/opt/ml")
MOST_LINKS = 40  # one after another, as the system counts
_removals = ThreadPoolExecutor(1, "remove")  # the interpreter waits for it at its end


@dataclass(frozen=True)
class Host:
    """One container host of a job: `algo-N`, N from 1."""

    number: int
    name: str
    root: Path

    @property
    def ml(self) -> Path:
        """What the job sees as /opt/ml."""
        return self.root / "ml"

    def at(self, path: str) -> Path:
        """The place of a path of the container, which must be below /opt/ml. Raises JobFault."""
        pure = PurePosixPath(path)
        if not pure.is_relative_to(OPT_ML) or ".." in pure.parts:
            raise JobFault(f"ClientError: LocalPath {path!r} is not below {OPT_ML}")
        return self.ml / pure.relative_to(OPT_ML)

    def output_path(self, path: str) -> Path:
        """The place of what the job has written at a path, links followed as the job sees them. Raises JobFault."""
        left = list(self.at(path).relative_to(self.ml).parts)
        found, links = self.ml, 0
        while left:
            part = left.pop(0)
            if part == "..":
                found = found.parent
            elif (found / part).is_symlink() and (links := links + 1) < MOST_LINKS:
                target = (found / part).readlink()
                base = next((base for base in (OPT_ML, self.ml) if target.is_relative_to(base)), None)
                if target.is_absolute() and base is None:
                    raise _leads_out(path)
                found = self.ml if base else found
                left[:0] = (target.relative_to(base) if base else target).parts
            else:
                found /= part
            if links == MOST_LINKS or not found.is_relative_to(self.ml):
                raise _leads_out(path)
        return found

    def read(self, path: str, size: int) -> bytes:
        """The beginning of a file that the job has written; nothing where there is none."""
        with suppress(JobFault):
            file = self.output_path(path)
            if file.is_file():
                with file.open("rb") as content:
                    return content.read(size)
        return b""

    def write(self, path: str, content: Any) -> None:
        """Write JSON to a path of the container."""
        target = self.at(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(content))


def _leads_out(path: str) -> JobFault:
    return JobFault(f"ClientError: {path} is a link that leads out of {OPT_ML}")


@dataclass(frozen=True)
class JobDir:
    """The job's hosts and their common folder."""

    root: Path
    hosts: tuple[Host, ...]

    @property
    def names(self) -> list[str]:
        """algo-1, algo-2, ... sorted as AWS sorts them: as text."""
        return sorted(host.name for host in self.hosts)

    def remove(self) -> None:
        """Delete the folder and everything in it, a moment later: ext4 takes a millisecond for each folder."""
        _removals.submit(_remove, self.root)


def clear(folder: Path) -> None:
    """Delete, a moment later, what jobs of an earlier process have left in the jobs' folder."""
    for root in folder.glob("*"):
        _removals.submit(_remove, root)


def _remove(root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
    if root.exists():  # a job may leave folders without permissions, and so does overlayfs
        for folder, names, _ in os.walk(root):
            for path in (os.path.join(folder, name) for name in names):
                if not os.path.islink(path):
                    os.chmod(path, 0o700)
        shutil.rmtree(root, ignore_errors=True)


def address(job: str, number: int) -> str:
    """A host's own loopback address: jobs that run together may use the same ports."""
    mark = zlib.crc32(job.encode())
    return f"127.{1 + mark % 254}.{1 + mark // 254 % 254}.{number}"


def make(folder: Path, job: Job, count: int) -> JobDir:
    """Create the folders of a job's hosts."""
    folder.mkdir(parents=True, exist_ok=True)
    root = Path(tempfile.mkdtemp(prefix=f"{job.name[:40]}-", dir=folder))
    hosts = tuple(Host(number, f"algo-{number}", root / f"algo-{number}") for number in range(1, count + 1))
    names = "".join(f"{address(root.name, host.number)} {host.name}\n" for host in hosts)
    for host in hosts:
        for part in ("ml/output", "home", "tmp"):
            (host.root / part).mkdir(parents=True)
        (host.root / "hosts").write_text(f"127.0.0.1 localhost\n{names}")
    return JobDir(root, hosts)


def environment(job: Job, host: Host, python: str) -> dict[str, str]:
    """The whole environment of a host: the platform's part, the caller's, and the request's, in that order.

    As on AWS there is no AWS_DEFAULT_REGION, the one that boto3 reads: a program names its region itself.
    """
    requested: Mapping[str, str] = job.request.get("Environment") or {}
    return {
        "PATH": f"{os.path.dirname(python)}:{SYSTEM_PATH}",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "HOME": str(host.root / "home"),
        "TMPDIR": str(host.root / "tmp"),
        "HOSTNAME": host.name,
        "PYTHONUNBUFFERED": "1",
        "MPLBACKEND": "Agg",
        **processes.PATIENT,
        "AWS_REGION": job.region,
        **{name: value for name, value in job.environ.items() if name != "AWS_DEFAULT_REGION"},
        **requested,
    }
