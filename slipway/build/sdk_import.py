"""The import of the SageMaker SDK, without what no definition needs: a quarter of its time.

Nothing of it is left out: what was put off is made or loaded when it is first used.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader

import boto3
from pydantic import BaseModel

from slipway.build import service_models

WHEN_LOOKED_INTO = ("scipy.sparse",)  # what the SDK imports by name only


@contextmanager
def put_off_needless() -> Iterator[None]:
    """Within it, pydantic builds the checks of a model at its first use: the SDK has a thousand models."""
    if boto3.DEFAULT_SESSION is None:  # the SDK makes a client of it
        boto3.setup_default_session(botocore_session=service_models.core_session())
    config, finder = BaseModel.model_config, _Finder()
    BaseModel.model_config = {**config, "defer_build": True}
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        BaseModel.model_config = config


class _Finder:
    """Finds modules that load with the first of their attributes that is asked for."""

    def find_spec(self, name: str, path: Sequence[str] | None, _target: object = None) -> ModuleSpec | None:
        """As a finder of sys.meta_path has it."""
        spec = PathFinder.find_spec(name, path) if name in WHEN_LOOKED_INTO else None
        if spec and spec.loader:
            spec.loader = LazyLoader(spec.loader)
        return spec
