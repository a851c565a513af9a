"""How much an archive may unpack to: no more than its volume holds, and no more than data ever unpacks to.

Data is rarely packed to less than a hundredth of its size: what is packed further was made to fill a disk, or is small.
"""

import zipfile
from dataclasses import dataclass

GIB = 1 << 30
VOLUME = 30 * GIB  # of what runs on AWS without a size of its own
RATIO = 200
SMALL = GIB
MEMBERS = 200_000


class TooLarge(Exception):
    """The archive unpacks to more than it may; the message says how much that is."""


@dataclass(frozen=True)
class Bounds:
    """The most bytes and entries."""

    size: int
    members: int = MEMBERS

    def check(self, size: int, members: int) -> None:
        """Raises TooLarge."""
        if size > self.size:
            raise TooLarge(f"it unpacks to more than {self.size} bytes")
        if members > self.members:
            raise TooLarge(f"it has more than {self.members} entries")


def bounds(packed: int, volume: int = VOLUME) -> Bounds:
    """Of an archive of so many bytes on a volume of so many.

    >>> bounds(14_000_000).size == 14_000_000 * RATIO, bounds(100).size == SMALL, bounds(100, 5).size
    (True, True, 5)
    """
    return Bounds(min(volume, max(SMALL, RATIO * packed)))


def check_zip(archive: zipfile.ZipFile, packed: int, volume: int = VOLUME) -> None:
    """Look at a zip file's table; what it says of an entry's size is all that is ever read of it. Raises TooLarge."""
    entries = archive.infolist()
    bounds(packed, volume).check(sum(entry.file_size for entry in entries), len(entries))
