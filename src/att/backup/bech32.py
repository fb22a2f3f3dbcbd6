"""Bech32 (BIP 173) without its limit of length, as age writes its keys."""

_LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECK_CHARS = 6


def encode(prefix: str, data: bytes) -> str:
    """Return `data` as lowercase text with that prefix and a checksum."""
    values = _regrouped(data, 8, 5, pad=True)
    check = _polymod([*_expanded(prefix), *values, *[0] * _CHECK_CHARS]) ^ 1
    values += [check >> 5 * (_CHECK_CHARS - 1 - index) & 31 for index in range(_CHECK_CHARS)]
    return f"{prefix}1{''.join(_LETTERS[value] for value in values)}"


def decode(prefix: str, text: str) -> bytes:
    """Return the bytes of a text with that prefix, all in one case; ValueError says what is wrong with it."""
    if text not in (text.lower(), text.upper()):
        raise ValueError("upper and lower case are mixed")
    found, _, letters = text.lower().rpartition("1")
    if found != prefix or len(letters) < _CHECK_CHARS:
        raise ValueError(f"it does not begin with {prefix}1")
    if set(letters) - set(_LETTERS):
        raise ValueError("a letter does not belong there")
    values = [_LETTERS.index(letter) for letter in letters]
    if _polymod([*_expanded(prefix), *values]) != 1:
        raise ValueError("the checksum is wrong: a letter is mistyped or missing")
    return bytes(_regrouped(values[:-_CHECK_CHARS], 5, 8, pad=False))


def _expanded(prefix: str) -> list[int]:
    return [ord(letter) >> 5 for letter in prefix] + [0] + [ord(letter) & 31 for letter in prefix]


def _polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for index, generator in enumerate(_GENERATORS):
            check ^= generator if top >> index & 1 else 0
    return check


def _regrouped(values: bytes | list[int], from_bits: int, to_bits: int, *, pad: bool) -> list[int]:
    held, bits, made = 0, 0, []
    for value in values:
        held, bits = held << from_bits | value, bits + from_bits
        while bits >= to_bits:
            bits -= to_bits
            made.append(held >> bits & ((1 << to_bits) - 1))
        held &= (1 << bits) - 1
    if pad and bits:
        made.append(held << (to_bits - bits))
    elif not pad and (bits >= from_bits or held):
        raise ValueError("its last bits are not empty")
    return made
