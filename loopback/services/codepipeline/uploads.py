"""Amazon S3 deploy actions: an artifact goes into a bucket, as the zip that it is or file by file."""

import mimetypes
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from loopback.core.unpacking import TooLarge, check_zip
from loopback.services.codepipeline.action import ActionContext, ActionEnded, Outcome


def run(work: ActionContext) -> Outcome:
    """One look: what a kill has cut off is put again."""
    asked, artifact, client = work.configuration, work.inputs[0], work.client("s3")
    put = {"Bucket": asked["BucketName"], **_options(work)}
    with tempfile.TemporaryDirectory() as folder:
        zipped = Path(folder) / "artifact.zip"
        client.download_file(artifact.bucket, artifact.key, str(zipped))
        if asked["Extract"] == "false":
            with zipped.open("rb") as whole:
                client.put_object(**put, Key=asked["ObjectKey"], Body=whole, ContentType="application/zip")
            return ActionEnded(summary=f"s3://{asked['BucketName']}/{asked['ObjectKey']}")
        prefix = asked["ObjectKey"].rstrip("/") + "/" if asked.get("ObjectKey") else ""
        count = 0
        try:
            for name, body in _files(zipped):
                kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
                client.put_object(**put, Key=prefix + name, Body=body, ContentType=kind)
                count += 1
        except TooLarge as fault:
            return ActionEnded("ConfigurationError", f"The artifact {artifact.name} cannot be extracted: {fault}")
        except zipfile.BadZipFile:
            return ActionEnded("ConfigurationError", f"The artifact {artifact.name} is not a zip file")
    return ActionEnded(summary=f"{count} files in s3://{asked['BucketName']}/{prefix}")


def _files(zipped: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(zipped) as archive:
        check_zip(archive, zipped.stat().st_size)
        for entry in archive.infolist():
            if not entry.is_dir():
                with archive.open(entry) as body:
                    yield entry.filename, body


def _options(work: ActionContext) -> dict[str, Any]:
    """How the objects are written."""
    asked = work.configuration
    options: dict[str, Any] = {}
    if "CannedACL" in asked:
        options["ACL"] = asked["CannedACL"]
    if "CacheControl" in asked:
        options["CacheControl"] = asked["CacheControl"]
    if "KMSEncryptionKeyARN" in asked:
        options |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": asked["KMSEncryptionKeyARN"]}
    return options
