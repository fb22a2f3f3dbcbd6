"""The hashing embedder: near for texts that share words, the same everywhere."""

import base64
import math
import struct

from hypothesis import given
from hypothesis import strategies as st

from att.router.embedding import as_base64, embed


def likeness(one: str, other: str) -> float:
    return sum(a * b for a, b in zip(embed(one, 256), embed(other, 256), strict=True))


def test_texts_that_share_words_are_nearer_than_others() -> None:
    question = "How do I reset my password?"
    assert likeness(question, "Resetting a password") > likeness(question, "The weather in Paris") + 0.2


def test_a_text_has_the_same_vector_on_every_machine() -> None:
    assert [round(value, 6) for value in embed("att", 4)] == [-0.229416, 0.917663, -0.229416, -0.229416]


@given(st.text(max_size=200), st.integers(1, 512))
def test_every_text_has_a_unit_vector_of_the_wanted_length(text: str, dimensions: int) -> None:
    vector = embed(text, dimensions)
    assert len(vector) == dimensions
    assert math.isclose(sum(value * value for value in vector), 1.0, rel_tol=1e-9)


@given(st.text(max_size=50))
def test_base64_carries_the_same_numbers(text: str) -> None:
    vector = embed(text, 8)
    read = struct.unpack("<8f", base64.b64decode(as_base64(vector)))
    assert all(math.isclose(a, b, abs_tol=1e-6) for a, b in zip(read, vector, strict=True))
