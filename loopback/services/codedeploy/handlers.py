"""Importing this puts CodeDeploy's operations where requests find them."""

from loopback.services.codedeploy import announcements as _announcements  # noqa: F401
from loopback.services.codedeploy import applications as _applications  # noqa: F401
from loopback.services.codedeploy import configs as _configs  # noqa: F401
from loopback.services.codedeploy import deployments as _deployments  # noqa: F401
from loopback.services.codedeploy import groups as _groups  # noqa: F401
from loopback.services.codedeploy import hooks as _hooks  # noqa: F401
from loopback.services.codedeploy import tags as _tags  # noqa: F401

SERVICES = ("codedeploy",)
