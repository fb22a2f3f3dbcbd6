"""Files that are no bundle, are cut, are without end, or unpack to more than anybody has."""

import os
from pathlib import Path

from tests.crash.appliance import NEXT, Appliance, parts_of
from tests.crash.hostile.kind import Kind, cut, flipped, honest, raw, whole
from tests.fakes.archives import compressed


def frame_head(*, size: int, window_log: int) -> bytes:
    """Return the head of a zstd frame that declares both (RFC 8878 §3.1.1.1)."""
    return b"\x28\xb5\x2f\xfd\xc0" + bytes([(window_log - 10) << 3]) + size.to_bytes(8, "little")


def run_lengths() -> bytes:
    """Return a frame of a few kilobytes that unpacks to a gigabyte: blocks that repeat one byte 128 KiB long."""
    size, long = 1 << 30, 128 << 10
    block, last = ((long << 3 | mark).to_bytes(3, "little") + b"\0" for mark in (0b010, 0b011))
    return frame_head(size=size, window_log=20) + block * (size // long - 1) + last


def bomb_behind_the_end() -> bytes:
    stream = parts_of(NEXT).stream()
    return compressed(stream + bytes(1 << 28))


def sparse_file(_machine: Appliance, folder: Path) -> Path:
    path = folder / "a.attb"
    path.write_bytes(whole())
    os.truncate(path, 1 << 40)
    return path


def fifo(_machine: Appliance, folder: Path) -> Path:
    os.mkfifo(folder / "a.attb")
    return folder / "a.attb"


def endless_device(_machine: Appliance, _folder: Path) -> Path:
    return Path("/dev/zero")


ARCHIVES = {
    "cut to nothing": Kind("bundle_truncated", raw(lambda: b"")),
    "cut in the frame's header": Kind("bundle_truncated", raw(lambda: whole()[:7])),
    "cut in the metadata": Kind("bundle_truncated", raw(cut(0.1))),
    "cut in a file": Kind("bundle_truncated", raw(cut(0.7))),
    "cut by one byte": Kind("bundle_truncated", raw(lambda: whole()[:-1])),
    "a bit flipped in the frame": Kind("bundle_damaged", raw(lambda: flipped(whole(), len(whole()) - 40))),
    "a bit flipped in the frame's checksum": Kind("bundle_damaged", raw(lambda: flipped(whole(), len(whole()) - 1))),
    "a bit flipped in a member's header": Kind(
        "bundle_damaged", raw(lambda: compressed(flipped(parts_of(NEXT).stream(), 40)))
    ),
    "a file of a terabyte": Kind("bundle_too_large", sparse_file),
    "a device without end": Kind("bundle_foreign", endless_device),
    "a fifo that nobody writes to": Kind("bundle_foreign", fifo),
    "opened for writing alone": Kind("bundle_unreadable", honest, open=lambda path: os.open(path, os.O_WRONLY)),
    "a window of 128 MiB": Kind("bundle_bomb", raw(lambda: frame_head(size=1 << 30, window_log=27) + bytes(64))),
    "a terabyte declared": Kind("bundle_bomb", raw(lambda: frame_head(size=1 << 40, window_log=20) + bytes(64))),
    "a gigabyte of one byte": Kind("bundle_damaged", raw(run_lengths)),
    "a bomb behind the archive's end": Kind("bundle_damaged", raw(bomb_behind_the_end)),
}
