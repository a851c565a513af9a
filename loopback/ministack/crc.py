"""CRC-32C and CRC-64/NVME of what is too large for a table and a loop: many lanes of a block at once, then joined.

Each lane is a part of the block with a register of its own. Two neighbours become one when the left register is
moved on by the length of the right lane, which is a linear operator on its bits.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

import numpy as np

LANES = 4096
BLOCK = 1 << 20
FORMS = {"CRC32C": (0x82F63B78, 32), "CRC64NVME": (0x9A6C9329AC4BC9B5, 64)}  # reflected polynomial, bits
Words = Any  # an array of 64-bit words


def crc(name: str, blocks: Iterable[bytes]) -> bytes:
    """The CRC of all blocks together, big-endian as S3 writes it."""
    polynomial, bits = FORMS[name]
    ones = (1 << bits) - 1
    register = ones
    for block in blocks:
        whole = len(block) - len(block) % LANES if len(block) >= BLOCK else 0
        if whole:
            register = _many(np.frombuffer(block, np.uint8, whole), register, polynomial)
        table = _table(polynomial).tolist()
        for byte in block[whole:]:
            register = table[(register ^ byte) & 255] ^ (register >> 8)
    return (register ^ ones).to_bytes(bits // 8, "big")


def _many(data: Any, register: int, polynomial: int) -> int:
    table, length = _table(polynomial), len(data) // LANES
    registers = np.zeros(LANES, np.uint64)
    registers[0] = register
    for column in np.ascontiguousarray(data.reshape(LANES, length).T):
        registers = table[registers.astype(np.uint8) ^ column] ^ (registers >> np.uint64(8))
    while len(registers) > 1:
        registers = _apply(_zeros(polynomial, length), registers[0::2]) ^ registers[1::2]
        length *= 2
    return int(registers[0])


@cache
def _table(polynomial: int) -> Words:
    table = np.arange(256, dtype=np.uint64)
    for _ in range(8):
        table = np.where(table & np.uint64(1), (table >> np.uint64(1)) ^ np.uint64(polynomial), table >> np.uint64(1))
    return table


@cache
def _zeros(polynomial: int, length: int) -> Words:
    """The operator that moves a register on by so many zero bytes, as a table for each byte of the register."""
    if length % 2 == 0:
        half = _zeros(polynomial, length // 2)
        columns = _apply(half, _apply(half, _bits()))
    else:
        columns = _bits()
        for _ in range(length):
            columns = _table(polynomial)[columns.astype(np.uint8)] ^ (columns >> np.uint64(8))
    values = np.arange(256)
    tables = np.zeros((8, 256), np.uint64)
    for bit, column in enumerate(columns):
        tables[bit // 8] ^= np.where(values >> bit % 8 & 1, column, np.uint64(0))
    return tables


def _bits() -> Words:
    return np.uint64(1) << np.arange(64, dtype=np.uint64)


def _apply(tables: Words, registers: Words) -> Words:
    result = np.zeros_like(registers)
    for number, table in enumerate(tables):
        result ^= table[(registers >> np.uint64(8 * number)).astype(np.uint8)]
    return result
