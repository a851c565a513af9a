"""Send to AWS_ENDPOINT_URL what the SageMaker SDK asks STS at AWS's own address.

The SDK makes its STS clients with `endpoint_url="https://sts.<region>.amazonaws.com"`, which no setting overrides. A
copy of this file called `sitecustomize.py` on PYTHONPATH is run by Python as it starts. It changes botocore when the
program imports it, and its change has an effect only while AWS_ENDPOINT_URL is set. Written for Python 3.6 and later.
"""

import functools
import importlib.machinery
import importlib.util
import os
import re
import sys
from typing import Any

_OF_AWS = re.compile(r"https://sts(\.[a-z0-9-]+)?\.amazonaws\.com(\.cn)?/?")
_CHANGED = "botocore.session"


class _Finder:
    """Finds botocore.session where it is; once that is loaded, its sessions make other STS clients."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        """See importlib.abc.MetaPathFinder."""
        spec: Any = None
        if fullname == _CHANGED:
            spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None:
            execute = spec.loader.exec_module

            def execute_and_change(module: Any) -> None:
                execute(module)
                module.Session.create_client = redirect(module.Session.create_client)

            spec.loader.exec_module = execute_and_change
        return spec


def redirect(create_client: Any) -> Any:
    """Session.create_client, with AWS_ENDPOINT_URL for AWS's own address of STS."""

    @functools.wraps(create_client)
    def create(self: Any, service_name: str, *arguments: Any, **options: Any) -> Any:
        here = os.environ.get("AWS_ENDPOINT_URL_STS") or os.environ.get("AWS_ENDPOINT_URL")
        if here and service_name == "sts" and _OF_AWS.fullmatch(options.get("endpoint_url") or ""):
            options["endpoint_url"] = here
        return create_client(self, service_name, *arguments, **options)

    return create


def _run_hidden() -> None:
    """Run the sitecustomize that Python would have run without this one."""
    own = os.path.dirname(os.path.abspath(__file__))
    others = [entry for entry in sys.path if os.path.abspath(entry or ".") != own]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if __name__ == "sitecustomize":
    sys.meta_path.insert(0, _Finder())
    _run_hidden()
