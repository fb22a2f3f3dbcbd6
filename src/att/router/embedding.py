"""A deterministic embedder: words and their letter triples, hashed into signed places of a unit vector.

Texts that share words are near each other, on every machine and release alike; there is nothing to learn.
"""

import base64
import hashlib
import math
import re
import struct
from collections.abc import Iterator, Sequence

TEXT_CHARS_MAX = 100_000
_WORD = re.compile(r"\w+")
_TRIPLE_WEIGHT = 0.25


def embed(text: str, dimensions: int) -> list[float]:
    """Return the unit vector of a text; what has no word gets the first axis."""
    vector = [0.0] * dimensions
    for feature, weight in _features(text[:TEXT_CHARS_MAX]):
        place = int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=8).digest())
        vector[(place >> 1) % dimensions] += weight if place & 1 else -weight
    length = math.sqrt(sum(value * value for value in vector))
    if length == 0.0:
        return [1.0, *vector[1:]]
    return [value / length for value in vector]


def as_text(value: str | Sequence[int]) -> str:
    """Return what is embedded of one input: a text, or tokens by their numbers."""
    return value if isinstance(value, str) else " ".join(map(str, value))


def as_base64(vector: Sequence[float]) -> str:
    """Return the vector as little-endian 32-bit floats in base64."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _features(text: str) -> Iterator[tuple[str, float]]:
    for word in _WORD.findall(text.lower()):
        yield word, 1.0
        padded = f"<{word[:64]}>"
        for start in range(len(padded) - 2):
            yield f"#{padded[start : start + 3]}", _TRIPLE_WEIGHT
