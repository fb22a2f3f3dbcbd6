"""Opens a signed bundle and unpacks it, checking everything on the way (architecture §4, upgrade.md "Trust").

Order: size caps, signature over the raw metadata, parse, product, the listed tree; then, while it unpacks through the
same descriptor, each member's header, place in the list, size and sha256. Nothing is written outside the target.

A thin bundle lists every file and carries those that its receiver lacks: the others are taken from the releases that
are installed, by their digest, and are hashed on the way like any other.

A file that an installed release holds intact becomes a hard link to it (adr/0014): a release of thousands of files
costs the disk what is new in it.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from att.appliance import Facts
from att.kernel.errors import InvalidInput, Refused
from att.release.archive import BLOCK, Archive, Member
from att.release.metadata import check_metadata, parse_metadata
from att.release.names import folded
from att.release.present import Present
from att.release.schema import LICENCE, METADATA, SBOM, SIGNATURES, File, Metadata
from att.release.tree import Tree, require_space
from att.release.trust import SIGNATURES_BYTES_MAX, Signers, TrustRoot, check_signatures

FILES_PREFIX = "files/"
_DOCUMENTS = (LICENCE, SBOM)
_DOCUMENT_MODE = 0o444
_PROGRESS_EVERY_BYTES = 4 << 20

Progress = Callable[[int, int], None]
"""Called with bytes done and bytes in all."""


@dataclass(frozen=True)
class Documents:
    """The raw bytes of metadata.json and metadata.sig."""

    metadata: bytes
    signatures: bytes


class Bundle:
    """A bundle whose metadata is trusted; its files are checked by `unpack`. The descriptor stays the caller's."""

    def __init__(self, fd: int, facts: Facts, documents: Documents, signers: Signers, metadata: Metadata) -> None:
        self._fd = fd
        self._facts = facts
        self._documents = documents
        self.signers = signers
        self.metadata = metadata
        self.digest = hashlib.sha256(documents.metadata).hexdigest()
        self._present = Present(facts.paths.releases)

    def unpack(self, target: Path, progress: Progress | None = None) -> None:
        """Write the release to the new folder `target`, verified byte by byte and made durable.

        On any error `target` holds a part of it, without `.complete`: the caller removes it.
        """
        require_space(target.parent, size_bytes=self.new_bytes(), files=len(self.metadata.files))
        archive = _archive(self._fd, self._facts)
        with Tree(target) as tree:
            members = archive.members()
            if _documents(archive, members, self._facts) != self._documents:
                raise Refused("bundle_changed", "cannot use the bundle: it changed while it was read")
            mtime = int(self.metadata.build_time.timestamp())
            tree.write(METADATA, [self._documents.metadata], mode=_DOCUMENT_MODE, mtime=mtime)
            tree.write(SIGNATURES, [self._documents.signatures], mode=_DOCUMENT_MODE, mtime=mtime)
            _Unpacking(self.metadata, archive, self._present, tree, mtime, progress).run(members)
            tree.seal()

    def verify(self, progress: Progress | None = None) -> None:
        """Check every member like `unpack`, writing nothing."""
        archive = _archive(self._fd, self._facts)
        members = archive.members()
        if _documents(archive, members, self._facts) != self._documents:
            raise Refused("bundle_changed", "cannot use the bundle: it changed while it was read")
        _Unpacking(self.metadata, archive, self._present, None, 0, progress).run(members)

    def new_bytes(self) -> int:
        """Return the size of the files that no installed release lists: what the disk must have free for them."""
        return sum(entry.size for entry in self.metadata.regular().values() if self._present.find(entry.sha256) is None)


def open_bundle(fd: int, trust: TrustRoot, facts: Facts) -> Bundle:
    """Return the bundle in the regular file `fd` when its metadata is signed, for this product, and makes a sane tree.

    Raises InvalidInput, Refused or TooLarge with a code that says what is wrong. `fd`'s offset is neither used nor
    moved.
    """
    archive = _archive(fd, facts)
    documents = _documents(archive, archive.members(), facts)
    signers = check_signatures(trust, documents.metadata, documents.signatures)
    metadata = parse_metadata(documents.metadata)
    check_metadata(metadata, facts)
    return Bundle(fd, facts, documents, signers, metadata)


def member_name(path: str) -> str:
    """Return the name in the archive of the release's file `path`."""
    return path if path in _DOCUMENTS else FILES_PREFIX + path


class _Unpacking:
    """One pass over the members behind the two documents."""

    def __init__(
        self,
        metadata: Metadata,
        archive: Archive,
        present: Present,
        tree: Tree | None,
        mtime: int,
        progress: Progress | None,
    ) -> None:
        self._metadata = metadata
        self._present = present
        self._paths = {member_name(path): path for path in metadata.files}
        self._archive = archive
        self._tree = tree
        self._mtime = mtime
        self._progress = progress
        self._done = 0
        self._told = 0

    def run(self, members: Iterator[Member]) -> None:
        seen: set[str] = {METADATA, SIGNATURES}
        folds = {folded(name) for name in seen}
        for member in members:
            if member.name in seen:
                raise Refused("bundle_member_repeated", f"cannot use the bundle: it holds {member.name} twice")
            if folded(member.name) in folds:
                raise Refused("bundle_member_folds", f"cannot use the bundle: it holds {member.name} in two spellings")
            seen.add(member.name)
            folds.add(folded(member.name))
            self._take(member)
        for name in sorted(self._paths.keys() - seen):
            self._find(name)
        self._tell(always=True)

    def _take(self, member: Member) -> None:
        path = self._paths.get(member.name)
        if path is None:
            code = "bundle_member_link" if member.link else "bundle_file_extra"
            raise Refused(code, f"cannot use the bundle: {member.name} is not listed in its metadata")
        entry = self._metadata.files[path]
        if not isinstance(entry, File):
            if member.link != entry.link:
                raise Refused("bundle_member_link", f"cannot use the bundle: {member.name} is not the link it lists")
            if self._tree:
                self._tree.link(path, entry.link)
            return
        if member.link:
            raise Refused("bundle_member_link", f"cannot use the bundle: {member.name} must be a file, not a link")
        mode = int(entry.mode, 8)
        if member.mode != mode:
            raise Refused("bundle_file_mode", f"cannot use the bundle: {member.name} has mode {member.mode:04o}")
        if member.size != entry.size:
            raise Refused("bundle_file_mismatch", f"cannot use the bundle: {member.name} has another size than listed")
        shared = self._share(path, entry)
        self._write(None if shared else self._tree, path, entry, self._archive.content(member))

    def _find(self, name: str) -> None:
        path = self._paths[name]
        entry = self._metadata.files[path]
        if not isinstance(entry, File) or (found := self._present.find(entry.sha256)) is None:
            raise Refused("bundle_file_missing", f"cannot use the bundle: it lacks {name}, no installed release has it")
        if self._share(path, entry):
            self._done += entry.size
            self._tell()
            return
        try:
            self._write(self._tree, path, entry, self._present.content(found))
        except Refused as error:
            if error.code != "bundle_file_mismatch":
                raise
            raise Refused("release_damaged", f"cannot take {found} for the bundle: its content has changed") from error

    def _share(self, path: str, entry: File) -> bool:
        if not self._tree:
            return False
        with self._present.intact(entry.sha256, int(entry.mode, 8)) as source:
            return source is not None and self._tree.share(path, source)

    def _write(self, tree: Tree | None, path: str, entry: File, content: Iterable[bytes]) -> None:
        pieces = self._checked(path, entry, content)
        if tree:
            tree.write(path, pieces, mode=int(entry.mode, 8), mtime=self._mtime)
        else:
            for _ in pieces:
                pass

    def _checked(self, path: str, entry: File, content: Iterable[bytes]) -> Iterable[bytes]:
        digest = hashlib.sha256()
        for piece in content:
            digest.update(piece)
            yield piece
            self._done += len(piece)
            self._tell()
        if digest.hexdigest() != entry.sha256:
            raise Refused("bundle_file_mismatch", f"cannot use the bundle: {path} is not the listed content")

    def _tell(self, *, always: bool = False) -> None:
        if self._progress and (always or self._done - self._told >= _PROGRESS_EVERY_BYTES):
            self._told = self._done
            self._progress(self._done, self._metadata.size)


def _archive(fd: int, facts: Facts) -> Archive:
    limits = facts.limits
    headers = (limits.release_files_max + 4) * 2 * BLOCK
    return Archive(
        fd,
        file_bytes_max=limits.bundle_bytes_max,
        stream_bytes_max=limits.release_bytes_max + limits.metadata_bytes_max + headers,
    )


def _documents(archive: Archive, members: Iterator[Member], facts: Facts) -> Documents:
    metadata = _document(archive, members, METADATA, facts.limits.metadata_bytes_max)
    return Documents(metadata, _document(archive, members, SIGNATURES, SIGNATURES_BYTES_MAX))


def _document(archive: Archive, members: Iterator[Member], name: str, bytes_max: int) -> bytes:
    member = next(members, None)
    if member is None or member.name != name or member.link:
        if name == SIGNATURES:
            raise Refused("bundle_unsigned", "cannot use the bundle: it holds no signature")
        raise InvalidInput("bundle_foreign", f"cannot read the file: it does not begin with {name}", field="bundle")
    return archive.small(member, bytes_max)
