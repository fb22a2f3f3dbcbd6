"""Reads pytest's JUnit XML: pure, bytes in, report out. What a project writes may be hostile, so all is bounded."""

import re
from dataclasses import dataclass, field
from xml.parsers import expat

from att.testing.gather import Case, Gatherer, Kind
from att.testing.schema import Report

XML_BYTES_MAX = 32 * 1024 * 1024
ELEMENTS_MAX = 1_000_000
DEPTH_MAX = 32
TEXT_CHARS_MAX = 64 * 1024
_KINDS = {"failure": Kind.FAILED, "error": Kind.ERROR, "skipped": Kind.SKIPPED}
_RAISED_AT = re.compile(r"^(?P<file>[^\s:][^:\n]*\.py):(?P<line>\d{1,7}): ", re.MULTILINE)
_NAMED = re.compile(r'File "(?P<file>[^"\n]+\.py)", line (?P<line>\d{1,7})')
_PLACES = (_RAISED_AT, _NAMED)


class Unreadable(ValueError):
    """The report is no JUnit XML, or passes a limit; the text says which."""


def read_junit(data: bytes, root: str = "") -> Report:
    """Return what a JUnit report says; `root` is cut off the names of files. Raises Unreadable."""
    if len(data) > XML_BYTES_MAX:
        raise Unreadable(f"the report is larger than {XML_BYTES_MAX} bytes")
    reader = _Reader(root)
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise Unreadable(f"the report is no XML: {expat.ErrorString(error.code)}") from error
    return reader.gathered.report()


@dataclass
class _Open:
    """The test case that is being read."""

    name: str
    classname: str
    file: str | None
    line: int | None
    seconds: float
    kind: Kind = Kind.PASSED
    message: str = ""
    text: list[str] = field(default_factory=list)
    chars: int = 0


class _Reader:
    def __init__(self, root: str) -> None:
        self._root = root
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.gathered = Gatherer()
        self._depth = 0
        self._elements = 0
        self._case: _Open | None = None
        self._reading = False

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > DEPTH_MAX or self._elements > ELEMENTS_MAX:
            raise Unreadable("the report is nested too deep or has too many elements")
        if name == "testcase":
            self._case = _Open(
                name=attributes.get("name", ""),
                classname=attributes.get("classname", ""),
                file=attributes.get("file"),
                line=_line(attributes.get("line")),
                seconds=_seconds(attributes.get("time")),
            )
        elif self._case is not None and name in _KINDS:
            # A test may fail and then its teardown too: what came first is what it failed of.
            self._reading = self._case.kind is Kind.PASSED
            if self._reading:
                self._case.kind, self._case.message = _KINDS[name], attributes.get("message", "")

    def _end(self, name: str) -> None:
        self._depth -= 1
        if name in _KINDS:
            self._reading = False
        if name == "testcase" and self._case is not None:
            self.gathered.add(_case(self._case, self._root))
            self._case = None

    def _text(self, text: str) -> None:
        case = self._case
        if case is None or not self._reading or case.chars >= TEXT_CHARS_MAX:
            return
        case.text.append(text[: TEXT_CHARS_MAX - case.chars])
        case.chars += len(text)

    def _doctype(self, *_: object) -> None:
        raise Unreadable("the report declares a document type: no report of pytest does")


def _case(read: _Open, root: str) -> Case:
    text = "".join(read.text)
    file, line = located(text, read.file)
    file = None if file is None else file.removeprefix(root)
    return Case(
        test=_test_id(read, file),
        kind=read.kind,
        seconds=read.seconds,
        message=read.message,
        text=text,
        file=file or read.file,
        line=line or (None if read.line is None else read.line + 1),
    )


def located(text: str, preferred: str | None) -> tuple[str | None, int | None]:
    """Return file and line where a test failed: the last place in its own file, else the last that is named."""
    matches = sorted((one for pattern in _PLACES for one in pattern.finditer(text)), key=lambda one: one.start())
    found = [(one["file"], int(one["line"])) for one in matches]
    own = [place for place in found if preferred is not None and place[0].endswith(preferred)]
    if not found:
        return None, None
    file, line = (own or found)[-1]
    # Some places are named by their whole path: the shorter name for the same file is the project's.
    return min((name for name, _ in found if file.endswith(name)), key=len), line


def _test_id(read: _Open, located_in: str | None) -> str:
    """Return the test's id as pytest takes it: `tests/unit/test_a.py::TestB::test_c`."""
    if not read.classname:  # a file that could not be collected
        return read.file or located_in or read.name
    if read.file is None:
        return f"{read.classname}.{read.name}"
    module = read.file.removesuffix(".py").replace("/", ".")
    inner = read.classname.removeprefix(module).strip(".")
    return "::".join([read.file, *(inner.split(".") if inner else []), read.name])


def _seconds(text: str | None) -> float:
    try:
        seconds = float(text or 0)
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < 1e9 else 0.0


def _line(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 8 else None
