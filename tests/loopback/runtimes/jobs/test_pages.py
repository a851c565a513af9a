"""Which memory of a process goes on large pages."""

from loopback.runtimes.jobs.pages import SIZE, blocks

MAPS = """\
3ff000-a01000 rw-p 00000000 00:00 0                                      [heap]
a01000-bff000 rw-p 00000000 00:00 0
1000000-1400000 rw-p 00000000 00:00 0
2000000-2400000 rw-p 00100000 08:01 77                                   /lib/a library.so
3000000-3400000 r-xp 00000000 00:00 0
4000000-4400000 rw-p 00000000 00:00 0                                    [stack]"""


def test_only_whole_large_pages_of_allocated_memory() -> None:
    assert list(blocks(MAPS.splitlines())) == [(0x400000, 3 * SIZE), (0x1000000, 2 * SIZE)]
