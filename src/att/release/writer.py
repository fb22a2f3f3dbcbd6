"""Writes bundles: describes a folder, signs its metadata, packs both into the one form that `archive` reads.

Same folder, same metadata, same keys: same bytes, wherever and whenever it runs.
"""

import hashlib
import json
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import zstandard

from att.release.archive import BLOCK
from att.release.bundle import member_name
from att.release.schema import LICENCE, METADATA, SBOM, SIGNATURES, File, Link, Metadata

LEVEL = 12
_THREADS = 2
_READ_BYTES = 1 << 20
_NAME_BYTES_MAX = 100
_PREFIX_BYTES_MAX = 155


def describe(root: Path) -> dict[str, File | Link]:
    """Return the `files` of a release that lies in `root`: modes become 0555 where anybody may execute, else 0444."""
    found: dict[str, File | Link] = {}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            found[name] = Link(link=str(path.readlink()))
        elif stat.S_ISREG(status.st_mode):
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found[name] = File(sha256=digest, mode="0555" if status.st_mode & 0o111 else "0444", size=status.st_size)
        elif not stat.S_ISDIR(status.st_mode):
            raise ValueError(f"cannot describe {path}: neither file, link nor folder")
    return found


def total_size(files: Mapping[str, File | Link]) -> int:
    """Return the bytes of all regular files, as metadata.json's `size` says it."""
    return sum(entry.size for entry in files.values() if isinstance(entry, File))


def metadata_bytes(metadata: Metadata) -> bytes:
    """Return the one serialisation of `metadata`."""
    return json.dumps(metadata.model_dump(mode="json", by_alias=True), sort_keys=True, indent=1).encode() + b"\n"


def pack(
    root: Path,
    metadata: bytes,
    signatures: bytes,
    output: Path,
    *,
    level: int = LEVEL,
    known: Collection[str] = (),
) -> str:
    """Write the bundle of the release in `root` to `output` and return the sha256 of the file.

    `metadata` must be what `metadata_bytes` gave for exactly this folder. Files whose hex digest is in `known` are left
    out: the bundle is thin and fits where a release that has them is installed.
    """
    parsed = Metadata.model_validate_json(metadata)
    left_out = {path for path, entry in parsed.regular().items() if entry.sha256 in known}
    carried = {path: entry for path, entry in parsed.files.items() if path not in left_out}
    mtime = int(parsed.build_time.timestamp())
    total = 2 * BLOCK + sum(BLOCK + _padded(size) for size in (len(metadata), len(signatures)))
    for entry in carried.values():
        total += BLOCK + (_padded(entry.size) if isinstance(entry, File) else 0)
    compressor = zstandard.ZstdCompressor(level=level, threads=_THREADS, write_checksum=True, write_content_size=True)
    stream = compressor.compressobj(size=total)
    with output.open("wb") as file:
        for piece in _archive_bytes(root, carried, {METADATA: metadata, SIGNATURES: signatures}, mtime):
            file.write(stream.compress(piece))
        file.write(stream.flush())
    with output.open("rb") as written:
        return hashlib.file_digest(written, "sha256").hexdigest()


def header(name: str, *, mode: int, size: int, mtime: int, link: str = "") -> bytes:
    """Return the plain ustar header of one member; ValueError when the name does not fit."""
    prefix, short = _split(name)
    target = link.encode()
    if len(target) > _NAME_BYTES_MAX:
        raise ValueError(f"cannot pack {name}: its link target has more than {_NAME_BYTES_MAX} bytes")
    block = bytearray(BLOCK)
    block[0 : len(short)] = short
    block[100:108] = b"%07o\0" % mode
    block[108:124] = b"0000000\0" * 2
    block[124:136] = b"%011o\0" % size
    block[136:148] = b"%011o\0" % mtime
    block[148:156] = b" " * 8
    block[156:157] = b"2" if link else b"0"
    block[157 : 157 + len(target)] = target
    block[257:265] = b"ustar\x0000"
    block[329:345] = b"0000000\0" * 2
    block[345 : 345 + len(prefix)] = prefix
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def _archive_bytes(
    root: Path, files: Mapping[str, File | Link], documents: Mapping[str, bytes], mtime: int
) -> Iterator[bytes]:
    for name, content in documents.items():
        yield header(name, mode=0o444, size=len(content), mtime=mtime)
        yield content + bytes(-len(content) % BLOCK)
    for path in _order(files):
        entry = files[path]
        if isinstance(entry, Link):
            yield header(member_name(path), mode=0o777, size=0, mtime=mtime, link=entry.link)
            continue
        yield header(member_name(path), mode=int(entry.mode, 8), size=entry.size, mtime=mtime)
        yield from _file_bytes(root / path, entry.size)
    yield bytes(2 * BLOCK)


def _order(paths: Iterable[str]) -> list[str]:
    return sorted(paths, key=lambda path: (path in (LICENCE, SBOM), path.encode()))


def _file_bytes(path: Path, size: int) -> Iterator[bytes]:
    done = 0
    with path.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            done += len(piece)
            yield piece
    if done != size:
        raise ValueError(f"cannot pack {path}: it changed while it was packed")
    yield bytes(-size % BLOCK)


def _padded(size: int) -> int:
    return size + -size % BLOCK


def _split(name: str) -> tuple[bytes, bytes]:
    raw = name.encode()
    if len(raw) <= _NAME_BYTES_MAX:
        return b"", raw
    cut = raw.rfind(b"/", 0, _PREFIX_BYTES_MAX + 1)
    if cut <= 0 or len(raw) - cut - 1 > _NAME_BYTES_MAX:
        raise ValueError(f"cannot pack {name}: the name does not fit a plain header")
    return raw[:cut], raw[cut + 1 :]
