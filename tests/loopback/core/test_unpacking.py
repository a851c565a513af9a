"""How much an archive may unpack to."""

import io
import zipfile

import pytest

from loopback.core.unpacking import GIB, MEMBERS, RATIO, SMALL, VOLUME, Bounds, TooLarge, bounds, check_zip


@pytest.mark.parametrize(
    ("packed", "volume", "most"),
    [
        (0, VOLUME, SMALL),
        (14_000_000, VOLUME, 14_000_000 * RATIO),
        (14_000_000, 5 * GIB, 14_000_000 * RATIO),
        (14_000_000, GIB, GIB),
        (GIB, VOLUME, VOLUME),
        (100, 50, 50),
    ],
)
def test_bounds(packed: int, volume: int, most: int) -> None:
    assert bounds(packed, volume) == Bounds(most, MEMBERS)


def zipped(*sizes: int) -> zipfile.ZipFile:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, size in enumerate(sizes):
            archive.writestr(str(number), bytes(size))
    return zipfile.ZipFile(made)


def test_zip_files() -> None:
    check_zip(zipped(500, 500), 10, 1000)
    with pytest.raises(TooLarge, match="it unpacks to more than 999 bytes"):
        check_zip(zipped(500, 500), 10, 999)
