"""Makes the metadata of a release that lies in a folder: one way for the build host and for the appliance."""

import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from att.appliance import Facts
from att.kernel.errors import Refused
from att.release.metadata import check_metadata
from att.release.schema import DatabaseSchema, File, Link, Metadata, Requires, Step
from att.release.writer import total_size
from att.store.migrations import head, migrations

_SUPPORTED = Path("upgrade") / "supported.toml"
_MIGRATIONS = Path("upgrade") / "migrations"


def statement(
    release: Path, files: Mapping[str, File | Link], facts: Facts, *, version: str, commit: str, time: int
) -> Metadata:
    """Return the checked metadata of a release of `files`, whose folder `upgrade` lies in `release`.

    `time` is the commit's, in Unix seconds. Refused(metadata_invalid) when that folder does not say what it must, and
    what `check_metadata` raises. Nothing of the release is run.
    """
    try:
        table = tomllib.loads((release / _SUPPORTED).read_text(encoding="utf-8"))
        metadata = Metadata(
            product=facts.product.name,
            compatible=facts.product.compatible,
            architecture=facts.product.architecture,
            version=version,
            build_time=datetime.fromtimestamp(time, UTC),
            commit=commit,
            from_versions=tuple(table["from_versions"]),
            requires=Requires(python=facts.product.python, **table["requires"]),
            database=_database(release / _MIGRATIONS),
            size=total_size(files),
            files=files,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused("metadata_invalid", f"cannot describe the release {version}: {error}") from error
    check_metadata(metadata, facts)
    return metadata


def _database(folder: Path) -> DatabaseSchema:
    steps = tuple(Step(version=m.version, min_reader=m.min_reader, change=m.change) for m in migrations(folder))
    ends = head(folder)
    return DatabaseSchema(version=ends.version, min_reader=ends.min_reader, change=steps[-1].change, steps=steps)
