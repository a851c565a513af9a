"""Files of an endpoint's hours in S3: captured requests, and labels that came later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from slipway.monitoring.window import Window

AT_ONCE = 8  # downloads


def split(uri: str) -> tuple[str, str]:
    """Bucket and key of an S3 URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key.rstrip("/")


def variants(s3: Any, captures: str) -> list[str]:
    """Who has captured anything: the folders right below those of an endpoint."""
    bucket, prefix = split(captures)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/", Delimiter="/")
    found = (entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", ()))
    return sorted(folder.removeprefix(f"{prefix}/").rstrip("/") for folder in found)


def of_hours(s3: Any, folder: str, window: Window) -> Iterator[str]:
    """Keys below `<folder>/yyyy/mm/dd/HH/` of each hour of the window, in order."""
    bucket, prefix = split(folder)
    for hour in window.hours():
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/{hour:%Y/%m/%d/%H}/")
        yield from (entry["Key"] for page in pages for entry in page.get("Contents", ()) if entry["Size"])


def download(s3: Any, uri: str, keys: Iterable[str], folder: Path) -> int:
    """Bring files to a folder, laid out as they are below `uri`; how many."""
    bucket, prefix = split(uri)

    def bring(key: str) -> None:
        path = folder / key.removeprefix(f"{prefix}/")
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"s3://{bucket}/{key} would be written outside of {folder}")
        path.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(bucket, key, str(path))

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="download") as pool:
        return len(list(pool.map(bring, keys)))
