"""What crosses the wire about the files of a project. Paths are relative to its worktree, with slashes."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

PATH_CHARS_MAX = 4096
CONTENT_CHARS_MAX = 56 * 1024 * 1024
READ_BYTES_DEFAULT = 1024 * 1024
READ_BYTES_MAX = 4 * 1024 * 1024


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _OfProject(_Strict):
    project_id: str = Field(description="id or slug of the project")


class _OfFile(_OfProject):
    path: str = Field(max_length=PATH_CHARS_MAX, description="path in the project, like src/app/main.py")


class Encoding(StrEnum):
    """How a content travels: as text, or as base64 when it is none."""

    UTF8 = "utf-8"
    BASE64 = "base64"


class FileRead(_OfFile):
    """Which part of which file."""

    offset: int = Field(default=0, ge=0, le=2**53, description="first byte")
    length: int = Field(default=READ_BYTES_DEFAULT, ge=0, le=READ_BYTES_MAX, description="bytes at most")


class FileContent(BaseModel):
    """A file, or a part of it: `bytes` and `sha256` are the whole file's; `truncated` says that more follows."""

    path: str
    content: str
    encoding: Encoding
    bytes: int
    offset: int
    truncated: bool
    sha256: str | None = Field(description="null for very large files")
    executable: bool


class FileWrite(_OfFile):
    """A file's whole new content."""

    content: str = Field(max_length=CONTENT_CHARS_MAX, description="the new content", json_schema_extra={"cli": "file"})
    encoding: Encoding = Field(default=Encoding.UTF8, description="how `content` is given")
    expected: str | None = Field(
        default=None,
        pattern="^([0-9a-f]{64}|absent)$",
        description="sha256 of the content this replaces, or `absent` for a new file; refused when it is another",
    )
    executable: bool | None = Field(default=None, description="set or take the right to execute; else it stays")


class FileWritten(BaseModel):
    """What was written: `path` is where, its links followed."""

    path: str
    bytes: int
    sha256: str
    created: bool


class FileMove(_OfProject):
    """From where to where."""

    path: str = Field(
        max_length=PATH_CHARS_MAX, description="file or folder to move", json_schema_extra={"cli": "argument"}
    )
    target: str = Field(max_length=PATH_CHARS_MAX, description="its new path", json_schema_extra={"cli": "argument"})
    overwrite: bool = Field(default=False, description="replace a file that is there")


class FileMoved(BaseModel):
    """What was moved."""

    path: str
    target: str


class FileDelete(_OfFile):
    """What to delete."""

    recursive: bool = Field(default=False, description="a folder with all that is in it")


class FileDeleted(BaseModel):
    """What was deleted."""

    path: str


class TreeRequest(_OfProject):
    """Which files to list."""

    path: str = Field(
        default="", max_length=PATH_CHARS_MAX, description="folder to begin at; the whole project without"
    )
    hidden: bool = Field(default=False, description="also names that begin with a dot")
    ignored: bool = Field(default=False, description="also what .gitignore excludes")
    limit: int = Field(default=5000, ge=1, le=20_000, description="entries at most")


class Entry(BaseModel):
    """One file, folder, link, or other thing. Bytes of a name that are no UTF-8 appear as backslash escapes."""

    path: str
    kind: str
    bytes: int | None


class Tree(BaseModel):
    """What lies in a folder and below, each folder before its content."""

    entries: list[Entry]
    truncated: bool


class SearchRequest(_OfProject):
    """What to search for, line by line."""

    query: str = Field(
        min_length=1,
        max_length=2000,
        description="text, or with `regex` a regular expression",
        json_schema_extra={"cli": "argument"},
    )
    regex: bool = Field(default=False, description="the query is a regular expression of Python")
    case: bool = Field(default=True, description="distinguish upper and lower case")
    path: str = Field(default="", max_length=PATH_CHARS_MAX, description="folder to search in")
    names: str = Field(default="", max_length=256, description="only files of such names, like *.py")
    hidden: bool = Field(default=False, description="also files whose names begin with a dot")
    limit: int = Field(default=200, ge=1, le=1000, description="matches at most")


class Match(BaseModel):
    """A line that matches; `column` is of its first match, both count from 1; a long line is cut around it."""

    path: str
    line: int
    column: int
    text: str


class Matches(BaseModel):
    """What was found; `skipped` counts files that are too large or no text."""

    matches: list[Match]
    files: int
    skipped: int
    truncated: bool


class DiffRequest(_OfProject):
    """What to compare: without revisions the files as they are with the last commit."""

    base: str | None = Field(default=None, max_length=256, description="revision to compare with; the last commit")
    head: str | None = Field(default=None, max_length=256, description="second revision; the files as they are")
    paths: list[str] = Field(default_factory=list, max_length=100, description="only these files and folders")
    context: int = Field(default=3, ge=0, le=100, description="lines of context")


class FileChange(BaseModel):
    """One changed file; `old_path` is set where it was renamed; what is no text has no counts."""

    path: str
    old_path: str | None
    added: int
    deleted: int
    binary: bool


class Diff(BaseModel):
    """A unified diff, empty when nothing differs."""

    diff: str
    files: list[FileChange]
    truncated: bool


class WatchRequest(_OfProject):
    """From where to watch."""

    cursor: str | None = Field(default=None, max_length=5000, description="read on after this change")
    limit: int = Field(default=1000, ge=1, le=10_000, description="changes at most, unless `follow`")
    follow: bool = Field(default=False, description="wait for more changes")


class ChangeKind(StrEnum):
    """FOLDER is a folder in which names were added or taken away; START only says where a watch begins."""

    START = "start"
    FILE = "file"
    FOLDER = "folder"
    LINK = "link"


class Change(BaseModel):
    """Something that changed; hand `cursor` back to read on after it."""

    cursor: str
    path: str
    kind: ChangeKind
