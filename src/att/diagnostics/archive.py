"""The bundle as bytes: a tar.gz of texts with an index, looked through again before it leaves. Touches no file."""

import gzip
import io
import json
import tarfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from att.diagnostics.gathering import Gathered
from att.diagnostics.held import Held
from att.diagnostics.known import Known
from att.diagnostics.leaks import leak
from att.diagnostics.redaction import Redacted
from att.kernel.errors import Refused

INDEX = "index.json"
FORMAT = 1
PROBLEM_CHARS_MAX = 400
type Redact = Callable[[str, Known], Redacted]


@dataclass(frozen=True)
class Entry:
    """One source as the index names it. `bytes` and `redactions` are of the text as it goes."""

    source: str
    bytes: int
    redactions: int
    kinds: Mapping[str, int] = field(default_factory=dict)
    cut: bool = False
    problem: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Bundle:
    """The texts that go, by name, and what the index says of each."""

    texts: Mapping[str, str]
    entries: tuple[Entry, ...]


def redacted(gathered: Iterable[Gathered], known: Known, redact: Redact) -> Bundle:
    """Return what was gathered without its secrets; what a problem says is a text like any other."""
    texts, entries = {}, []
    for one in gathered:
        found = redact(one.material.text, known)
        problem = redact(one.material.problem, known)
        counts = found.counts + problem.counts
        if found.text:
            texts[one.source.name] = found.text
        size = len(found.text.encode())
        entries.append(
            Entry(one.source.name, size, counts.total(), counts, one.material.cut, _short(problem.text), one.seconds)
        )
    return Bundle(texts, tuple(entries))


def _short(problem: str) -> str:
    """Cut only what went through redaction: half a secret is known no more."""
    return problem if len(problem) <= PROBLEM_CHARS_MAX else f"{problem[:PROBLEM_CHARS_MAX]}…"


def index(bundle: Bundle, held: Iterable[Held], known: Known, about: Mapping[str, str], redact: Redact) -> str:
    """Return the index: what is in the bundle and what is missing from it, and what was looked for."""
    document = {
        "format": FORMAT,
        **{name: redact(value, known).text for name, value in about.items()},
        "sources": [
            {
                "source": one.source,
                "bytes": one.bytes,
                "redacted": dict(one.kinds),
                "cut": one.cut,
                "problem": one.problem,
                "seconds": one.seconds,
            }
            for one in bundle.entries
        ],
        "looked_for": [
            {"place": one.place, "values": len(one.values), "problem": redact(one.problem, known).text} for one in held
        ],
        "values_too_short_to_look_for": known.too_short,
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def packed(texts: Mapping[str, str], folder: str, modified: int) -> bytes:
    """Return the texts as a tar.gz with one folder; `modified` is Unix seconds."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, text in texts.items():
            data = text.encode()
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size, member.mtime, member.mode = len(data), modified, 0o600
            archive.addfile(member, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), mtime=modified)


def assure(archive: bytes, known: Known) -> None:
    """Look through the finished archive; Refused(diag_leak) names source and line of a secret that is still in it."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as opened:
        members = opened.getmembers()
        contents = [(one.name.partition("/")[2], opened.extractfile(one)) for one in members]
        texts = [("the names of the files", "\n".join(one.name for one in members))]
        texts += [(name, file.read().decode()) for name, file in contents if file is not None]
    for name, text in texts:
        found = leak(text, known)
        if found is not None:
            raise Refused(
                "diag_leak",
                f"cannot write the diagnostics: a secret would go with them: {name}, line {found.line} ({found.kind})",
                data={"source": name, "line": found.line, "kind": found.kind},
            )
