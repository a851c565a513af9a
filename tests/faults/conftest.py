"""How much of each fault: little by default, as in CI; `make faults` asks for more."""

import pytest

from tests.journeys.conftest import loopback, stopped, wait_until

__all__ = ["loopback", "stopped", "wait_until"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=12, help="How many processes are killed while work goes on.")
    parser.addoption("--requests", type=int, default=1000, help="How many requests of the services' shapes are sent.")
    parser.addoption("--seed", type=int, default=1, help="What chance begins with.")


def _option(request: pytest.FixtureRequest, name: str, default: int) -> int:
    return int(request.config.getoption(name, default) or 0)  # unknown where other tests are asked for as well


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    return _option(request, "--kills", 12)


@pytest.fixture
def requests(request: pytest.FixtureRequest) -> int:
    return _option(request, "--requests", 1000)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    return _option(request, "--seed", 1)
