"""What holds for all tests: no clock decides, each takes one processor, and a file's run in one process."""

import os
from functools import cache
from typing import Any

import botocore.loaders
import botocore.session
import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

# One test has one processor; OpenMP threads that wait for one another would burn it. Read when xgboost is loaded.
os.environ |= {"OMP_NUM_THREADS": "1", "GOMP_SPINCOUNT": "0"}

settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")

# Sessions read AWS's service models once for all, and not each for itself: a tenth of a second a service.
botocore.loaders.create_loader = botocore.session.create_loader = cache(botocore.loaders.create_loader)

LONGEST = (
    *("test_definitions", "test_jobs", "test_seed", "test_hosts", "test_features", "test_sample_data"),
    *("test_champion", "test_checks", "test_working_folder", "test_one_reading", "test_costs", "test_fuzz_services"),
)


class Files(LoadScopeScheduling):
    """The tests of a file run in one worker, which makes what they share once."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    config.option.loadscopereorder = False
    return Files(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files begin first, so that all workers end at about the same time."""
    items.sort(key=lambda item: LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST))
