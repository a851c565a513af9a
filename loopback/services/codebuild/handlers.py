"""Importing this puts CodeBuild's operations and events where requests find them."""

from loopback.services.codebuild import announcements as _announcements  # noqa: F401
from loopback.services.codebuild import batches as _batches  # noqa: F401
from loopback.services.codebuild import builds as _builds  # noqa: F401
from loopback.services.codebuild import projects as _projects  # noqa: F401
from loopback.services.codebuild import reports as _reports  # noqa: F401

SERVICES = ("codebuild",)
