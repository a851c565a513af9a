"""The pytest plugin, found by its entry point. It imports nothing before a test asks for a fixture of it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from slipway.testing.local_aws import LocalAws


@pytest.fixture(scope="session")
def sagemaker_local_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator["LocalAws"]:
    """An AWS on this machine for the whole session; with pytest-xdist one for each worker."""
    from slipway.testing import local_aws

    with local_aws.running(tmp_path_factory.mktemp("sagemaker-local") / "state") as found:
        yield found


@pytest.fixture
def sagemaker_local(sagemaker_local_server: "LocalAws") -> Iterator["LocalAws"]:
    """An empty account, which the environment of the test points at; everything in it is deleted after the test."""
    with sagemaker_local_server.in_environment():
        yield sagemaker_local_server
    sagemaker_local_server.reset()
