"""The primary artifacts of a batch's builds as one zip file, in the place of the action's only output artifact."""

import contextlib
import copy
import shutil
import tempfile
import zipfile
from pathlib import Path

from loopback.core.kinds import BUILD
from loopback.engines.codebuild.batch import SUCCEEDED
from loopback.rows.codebuild import BuildBatchRow
from loopback.services.codebuild.batch_builds import part
from loopback.services.registry import Context


def combine(batch: BuildBatchRow, context: Context) -> None:
    """A name that several builds have made is that of the last of them. Raises botocore's errors."""
    client = context.client("s3", batch.request["serviceRole"])
    whole = batch.outputs[0]
    builds = {name: context.store.get(BUILD, build) for name, build in batch.builds.items()}
    names = [task.identifier for task in batch.tasks.tasks]
    parts = [part(batch, name) for name in names if name in builds and builds[name].status == SUCCEEDED]
    with tempfile.TemporaryDirectory() as folder:
        fetched = []
        for number, one in enumerate(parts):
            path = Path(folder) / str(number)
            client.download_file(one.bucket, one.key, str(path))
            fetched.append(path)
        merged = Path(folder) / "merged"
        merge(fetched, merged)
        client.upload_file(str(merged), whole.bucket, whole.key)
    for one in parts:
        context.objects.delete(one.bucket, one.key)


def merge(parts: list[Path], target: Path) -> None:
    """One zip file of several; of two entries of one name the later one stays."""
    with contextlib.ExitStack() as opened, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as merged:
        archives = [opened.enter_context(zipfile.ZipFile(path)) for path in parts]
        entries = {entry.filename: (archive, entry) for archive in archives for entry in archive.infolist()}
        for archive, entry in entries.values():
            with archive.open(entry) as content, merged.open(copy.copy(entry), "w") as target_entry:
                shutil.copyfileobj(content, target_entry)
