"""A decoder's weights as a page gets them: 14 bits each, in an order that compresses well."""

import base64

import numpy as np

from vsclib.errors import DataError

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
BITS_LEFT_OUT = 2
LARGEST_HALF = 0x7BFF


def pack_weights(weights: str) -> str:
    """The weights of an exported decoder, each with 8 of its 10 bits of fraction.

    A page's weights are most of what a reader waits for. Signs and exponents of a layer are much
    alike and compress; fractions do not, and their last bits move a picture by about one grey level
    in 255 (see tests/test_packed.py).

    Args:
        weights: base64 of little-endian float16, N finite numbers.

    Returns:
        Text of three parts, 6 bits a character: N signs with exponents, N first six bits of the
        fractions, ceil(N / 3) groups of three times their last two bits, the first highest.

    Raises:
        DataError: a weight is not finite.
    """
    halves = np.frombuffer(base64.b64decode(weights), "<u2").astype(np.int64)
    magnitude = halves & 0x7FFF
    if (magnitude > LARGEST_HALF).any():
        raise DataError(
            "a decoder weight is not finite; load a checkpoint whose training went well"
        )
    step = 1 << BITS_LEFT_OUT
    rounded = np.minimum((magnitude + step // 2) // step, LARGEST_HALF // step)
    short = (halves >> 15 << 13) | rounded  # sign, 5 bits of exponent, 8 of fraction
    last = np.zeros(-(-len(short) // 3) * 3, dtype=np.int64)
    last[: len(short)] = short & 3
    groups = last.reshape(-1, 3) @ (1 << np.array([4, 2, 0]))
    letters = np.frombuffer(ALPHABET.encode("ascii"), np.uint8)
    parts = (short >> 8, short >> 2 & 63, groups)
    return b"".join(letters[part].tobytes() for part in parts).decode("ascii")
