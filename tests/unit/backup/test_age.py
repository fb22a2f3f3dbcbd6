"""The age format, against a file of the age program, and against whatever else."""

import base64
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from att.backup import age, bech32
from att.kernel.errors import AttError

SECRET = bytes(range(32))
IDENTITY = "AGE-SECRET-KEY-1XJDJQA40YLAUTLWL5HQLGVU36X6E4FV4DN5ZFP9YZ2AK5DN2PUKQLXSZVM"
RECIPIENT = "age15yj64349tm70ft92eqzy8fu3g3z6akt66xrn324v2prp8hlagytsnha0xm"
# echo "hello from age" | age 1.1.1 --encrypt --recipient RECIPIENT
FOREIGN = base64.b64decode(
    "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBRdWNTdGd6U0l2Q056SzBRMlI3b3dxNlNRazJrelV5ZDUzZysvbWo0M1VBCnJ0c1pkbkUw"
    "WjBmdkJLYkxvNWxxMWRLb01rQUtwVHJmTG1qNkhLTGE4dTAKLS0tIE5McFBvT3lpZFBaek1sK3ZKTC9aVW9MeUp0MzNuRmtRL0RNaVFJNXJ0M1UK"
    "cO4Rbqr5rX4zzrxprgXN1v+p/0tJhNrdDRQaYn0pu0gLSoS1ahnXEvuGsTQBUPc="
)
CHUNK = age.CHUNK_BYTES


def sealed(data: bytes, secret: bytes = SECRET) -> bytes:
    sink = io.BytesIO()
    writer = age.Writer(sink, secret)
    writer.write(data)
    writer.close()
    return sink.getvalue()


def opened(data: bytes, secret: bytes = SECRET) -> bytes:
    return io.BufferedReader(age.Reader(io.BytesIO(data), secret)).read()


def test_what_the_age_program_wrote_opens_with_its_key() -> None:
    secret = age.identity_of(IDENTITY)
    assert opened(FOREIGN, secret) == b"hello from age\n"
    assert (age.identity_text(secret), age.recipient_text(secret)) == (IDENTITY, RECIPIENT)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_every_length_comes_back_as_it_was(size: int) -> None:
    data = bytes(index % 251 for index in range(size))
    assert opened(sealed(data)) == data


@given(st.binary(max_size=200), st.data())
def test_a_file_with_any_byte_changed_does_not_open(data: bytes, draw: st.DataObject) -> None:
    whole = bytearray(sealed(data))
    place = draw.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= draw.draw(st.integers(1, 255))
    with pytest.raises(AttError) as refused:
        opened(bytes(whole))
    assert refused.value.code in ("backup_damaged", "backup_foreign", "backup_key_wrong")


@pytest.mark.parametrize("size", [10, CHUNK, 2 * CHUNK + 5])
def test_a_file_that_is_cut_anywhere_does_not_open(size: int) -> None:
    whole = sealed(bytes(size))
    step = max(1, len(whole) // 300)
    chunks = [len(whole) - size % CHUNK - 16 - count * (CHUNK + 16) for count in range(3)]
    for end in {*range(0, len(whole), step), *(one for one in chunks if 0 < one < len(whole))}:
        with pytest.raises(AttError):
            opened(whole[:end])


def test_chunks_that_change_places_or_repeat_do_not_open() -> None:
    whole = sealed(bytes(3 * CHUNK))
    sizes = CHUNK + 16
    head, chunks = whole[: -3 * sizes], [whole[-3 * sizes :][index * sizes :][:sizes] for index in range(3)]
    for order in ([1, 0, 2], [0, 2, 1], [0, 0, 1, 2], [0, 2], [0, 1, 2, 2]):
        with pytest.raises(AttError):
            opened(head + b"".join(chunks[index] for index in order))


def test_another_key_is_told_from_damage() -> None:
    with pytest.raises(AttError) as refused:
        opened(sealed(b"x"), bytes(32))
    assert refused.value.code == "backup_key_wrong"


@given(st.binary(max_size=300))
def test_what_is_no_such_file_is_refused(data: bytes) -> None:
    with pytest.raises(AttError):
        opened(data)


@given(st.binary(min_size=32, max_size=32))
def test_a_key_survives_being_written_down(secret: bytes) -> None:
    assert age.identity_of(age.identity_text(secret)) == secret
    assert age.identity_of(age.identity_text(secret).lower()) == secret


@given(st.data())
def test_a_mistyped_key_is_noticed(draw: st.DataObject) -> None:
    place = draw.draw(st.integers(0, len(IDENTITY) - 1))
    letter = draw.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"))
    typed = IDENTITY[:place] + letter + IDENTITY[place + 1 :]
    if typed != IDENTITY:
        with pytest.raises(ValueError, match=r"begin|letter|checksum"):
            age.identity_of(typed)


@pytest.mark.parametrize(
    "text", ["", "AGE-SECRET-KEY-1", IDENTITY.swapcase()[:20] + IDENTITY[20:], bech32.encode("age-secret-key-", b"x")]
)
def test_a_text_that_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        age.identity_of(text)


# BIP 173's own vectors, as far as their length is that of bytes.
@pytest.mark.parametrize(
    "text",
    [
        "A12UEL5L",
        "a12uel5l",
        "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
    ],
)
def test_the_published_vectors_are_accepted(text: str) -> None:
    assert bech32.decode(text.lower().rpartition("1")[0], text) == b""


@pytest.mark.parametrize("text", ["A1G7SGD8", "x1b4n0q5v", "li1dgmt3", "de1lg7wt\xff"])
def test_the_published_wrong_vectors_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        bech32.decode(text.lower().rpartition("1")[0], text)
