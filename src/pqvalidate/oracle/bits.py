"""Packing of coefficients into bytes and back, for whole batches (FIPS 203 algorithms 3-6, FIPS 204 algorithms 16-19).

Both standards store coefficient i in bits i*width ... of a little-endian bit string, so one pair of functions serves.
"""

from __future__ import annotations

from math import gcd

import numpy as np

from pqvalidate.oracle.batches import Ints, Octets


def _group(width: int) -> tuple[int, int]:
    """Return the smallest number of coefficients that fills whole bytes, and how many bytes that is."""
    common = gcd(width, 8)
    return 8 // common, width // common


def unpack(data: Octets, width: int) -> Ints:
    """Return the unsigned ``width``-bit numbers stored along the last axis of ``data`` (width at most 24 bits)."""
    count, octets = _group(width)
    source = data.reshape(*data.shape[:-1], -1, octets).astype(np.int32)
    numbers = np.empty((*source.shape[:-1], count), dtype=np.int32)
    for i in range(count):
        first, shift = divmod(i * width, 8)
        last = (i * width + width - 1) // 8
        value = source[..., first] >> shift
        for n in range(first + 1, last + 1):
            value = value | (source[..., n] << (8 * (n - first) - shift))
        np.bitwise_and(value, (1 << width) - 1, out=numbers[..., i])
    return numbers.reshape(*data.shape[:-1], -1).astype(np.int64)


def pack(numbers: Ints, width: int) -> Octets:
    """Store the low ``width`` bits of every number along the last axis; the inverse of ``unpack``."""
    count, octets = _group(width)
    source = (numbers & ((1 << width) - 1)).reshape(*numbers.shape[:-1], -1, count)
    data = np.zeros((*source.shape[:-1], octets), dtype=np.uint8)
    for i in range(count):
        first, shift = divmod(i * width, 8)
        last = (i * width + width - 1) // 8
        value = source[..., i] << shift
        for n in range(first, last + 1):
            data[..., n] |= (value >> (8 * (n - first))).astype(np.uint8)
    return data.reshape(*numbers.shape[:-1], -1)
