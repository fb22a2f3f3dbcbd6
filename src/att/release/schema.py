"""`metadata.json`: what a bundle says of the release it carries. schemas/bundle-metadata.schema.json is made of it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from att.release.version import VERSION_CHARS_MAX, parse_clause, parse_version

METADATA = "metadata.json"
SIGNATURES = "metadata.sig"
LICENCE = "LICENSE"
SBOM = "sbom.json"
PROVENANCE = "provenance.json"
"""In a release that an appliance made of itself: which pull request it was, and who approved it."""
COMPLETE = ".complete"
"""Written last into an installed release: the hex sha256 of its metadata.json. No `.complete`, no release."""

FORMAT = 1
"""Of metadata.json: later ones are refused."""

Change = Literal["none", "additive", "breaking"]
_CHANGES: tuple[Change, ...] = ("none", "additive", "breaking")
MODES = ("0444", "0555")


def _version(text: str) -> str:
    parse_version(text)
    return text


def _clause(text: str) -> str:
    parse_clause(text)
    return text


VersionText = Annotated[str, StringConstraints(max_length=VERSION_CHARS_MAX), AfterValidator(_version)]
Clause = Annotated[str, StringConstraints(max_length=VERSION_CHARS_MAX + 4), AfterValidator(_clause)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class File(_Strict):
    """A regular file: hex sha256, octal mode, size in bytes."""

    sha256: Digest
    mode: Literal["0444", "0555"]
    size: Annotated[int, Field(ge=0)]


class Link(_Strict):
    """A symbolic link and its target."""

    link: Annotated[str, StringConstraints(min_length=1, max_length=255)]


class Requires(_Strict):
    """What the release needs of the image: its contract, Python `X.Y` and stage0, each at least this."""

    contract: Annotated[int, Field(ge=1)]
    python: Annotated[str, StringConstraints(pattern=r"^3\.\d{1,2}$")]
    stage0: Annotated[int, Field(ge=1)]


class Step(_Strict):
    """One migration: the schema version it leads to, its class, and the oldest code that can read the result."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True)

    version: Annotated[int, Field(ge=1)]
    min_reader: Annotated[int, Field(ge=0)]
    change: Change = Field(alias="class")


class DatabaseSchema(_Strict):
    """The database schema that the release's code writes; `class` is the newest migration's."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True)

    version: Annotated[int, Field(ge=0)]
    min_reader: Annotated[int, Field(ge=0)]
    change: Change = Field(alias="class")
    steps: tuple[Step, ...] = ()

    def change_from(self, version: int) -> Change:
        """Return the strongest class among the migrations that a database at `version` has before it."""
        ahead = [step.change for step in self.steps if step.version > version]
        return max(ahead, key=_CHANGES.index, default="none")


class Metadata(_Strict):
    """The signed statement about one release. Paths in `files` are relative to the release's directory."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True)

    format: Literal[1] = 1
    product: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    compatible: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    architecture: Annotated[str, StringConstraints(min_length=1, max_length=32)]
    version: VersionText
    build_time: AwareDatetime
    commit: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40,64}$")]
    from_versions: tuple[Clause, ...]
    requires: Requires
    database: DatabaseSchema = Field(alias="schema")
    size: Annotated[int, Field(ge=0)]
    files: Mapping[str, File | Link]

    def regular(self) -> dict[str, File]:
        """Return the listed files without the links."""
        return {path: entry for path, entry in self.files.items() if isinstance(entry, File)}

    def digests(self) -> set[str]:
        """Return the sha256 of every regular file."""
        return {entry.sha256 for entry in self.regular().values()}

    def links(self) -> dict[str, str]:
        """Return the listed links, path → target."""
        return {path: entry.link for path, entry in self.files.items() if isinstance(entry, Link)}


def metadata_json_schema() -> dict[str, Any]:
    """Return the JSON Schema of metadata.json."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Metadata.model_json_schema(by_alias=True)}
