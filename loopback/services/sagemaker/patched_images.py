"""Tells of images that AWS does not patch any more, where a request names one."""

from datetime import UTC, datetime

from loopback.core.image_support import patch_warning
from loopback.services.registry import Context


def warn_of_image(image: str | None, context: Context) -> None:
    """Of one container's image."""
    if image and (found := patch_warning(image, datetime.now(UTC).date())):
        context.warn(found)
