"""Data that a configuration names by S3 URIs, read with the job's role."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from slipway.analysis.errors import BadInput

Client = Callable[[str], Any]  # a service's name -> its client


class Fetch:
    """Brings the objects below an S3 URI into a folder of their own."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __call__(self, uri: str) -> Path:
        """The folder. Raises BadInput when there are no objects, or none that may be read."""
        from botocore.exceptions import BotoCoreError, ClientError

        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        folder, s3 = Path(mkdtemp()), self._client("s3")
        try:
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            keys = [item["Key"] for page in pages for item in page.get("Contents", ()) if item["Size"]]
            for number, key in enumerate(keys):
                s3.download_file(bucket, key, str(folder / f"{number:06d}-{key.rpartition('/')[2]}"))
        except (ClientError, BotoCoreError) as error:
            raise BadInput(f"{uri}: {error}") from error
        if not keys:
            raise BadInput(f"there is no data: {uri} holds no object")
        return folder
