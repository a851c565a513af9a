"""AWS's service models, read once: each session of botocore reads its own, and the SDK makes one after the other."""

from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.loaders import Loader


@cache
def loader() -> Loader:
    """What reads them and keeps what it has read."""
    found: Loader = botocore.session.get_session().get_component("data_loader")
    return found


def core_session() -> botocore.session.Session:
    """A session of botocore that shares the loader."""
    made = botocore.session.get_session()
    made.register_component("data_loader", loader())
    return made


def session(**given: Any) -> boto3.Session:
    """A session of boto3 that shares the loader; `given` is what boto3.Session takes."""
    return boto3.Session(botocore_session=core_session(), **given)
