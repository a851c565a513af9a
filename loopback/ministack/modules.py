"""The modules of ministack 1.5.33, the base: which of its names this package uses, and how it is imported."""

import importlib
import os
from collections.abc import Iterable, Mapping
from typing import Any

from loopback.core.account import account_secret
from loopback.core.settings import Settings

Hooks = Mapping[str, tuple[str, ...]]  # module of the base -> the names in it that are called, replaced or filled


class BrokenBase(Exception):
    """The installed ministack is not the one that this adapter was written for."""


def prepare(settings: Settings) -> None:
    """Set the environment of the base before it is imported: it reads that, and its own defaults are not for us."""
    os.environ.update(environment(settings))


def load(hooks: Iterable[Hooks]) -> dict[str, Any]:
    """Import the base. Raises BrokenBase when a name in `hooks` is not there."""
    wanted = _together(hooks)
    modules = {name: importlib.import_module(name) for name in wanted}
    missing = [f"{name}.{hook}" for name, names in wanted.items() for hook in names if not hasattr(modules[name], hook)]
    if missing:
        from importlib.metadata import version

        raise BrokenBase(f"ministack {version('ministack')} lacks {', '.join(missing)}; install ministack==1.5.33")
    return modules


def environment(settings: Settings) -> dict[str, str]:
    """What the base is told."""
    return {
        "GATEWAY_PORT": str(settings.port),
        "BIND_HOST": "127.0.0.1",  # its default listens on all interfaces
        "IOT_MTLS_ENABLED": "0",  # its default opens a second port
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "1",
        "S3_PERSIST": "1",
        "STATE_DIR": str(settings.base_folder),
        "S3_DATA_DIR": str(settings.objects_folder),
        "MINISTACK_REGION": settings.place.region,
        "MINISTACK_ACCOUNT_ID": settings.place.account,
        "AWS_ACCESS_KEY_ID": settings.place.account,
        "AWS_SECRET_ACCESS_KEY": account_secret(settings.state),
        "AUTH": str(settings.enforce_iam).lower(),
        "LOG_LEVEL": "WARNING",
    }


def _together(tables: Iterable[Hooks]) -> dict[str, tuple[str, ...]]:
    """One table of hooks from those of every module of this package."""
    joined: dict[str, tuple[str, ...]] = {}
    for table in tables:
        for name, hooks in table.items():
            joined[name] = (*joined.get(name, ()), *hooks)
    return joined
