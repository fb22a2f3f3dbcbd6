"""What ATT's own files tell of releases and upgrades, when nobody is there to be asked."""

import json
from pathlib import Path

from att.appliance import Facts
from att_stage0.journal import JSON_BYTES_MAX, decode

JOURNAL_BYTES_MAX = 64 * JSON_BYTES_MAX
_METADATA = "metadata.json"


def releases(facts: Facts) -> str:
    """Return each installed release with its manifest, the list of its files left out, and what the links name."""
    paths = facts.paths
    found = [_release(path, facts.limits.metadata_bytes_max) for path in sorted(paths.releases.iterdir())]
    links = {name: _target(link) for name, link in (("current", paths.current), ("previous", paths.previous))}
    return json.dumps({**links, "releases": found}, indent=1) + "\n"


def upgrade_journal(facts: Facts) -> str:
    """Return the records of the upgrade journal, one JSON line each; a last line tells of damage."""
    path = facts.paths.journal / "journal"
    if not path.exists():
        return ""
    with path.open("rb") as file:
        decoded = decode(file.read(JOURNAL_BYTES_MAX))
    lines = [{"sequence": one.sequence, "transaction": one.transaction, **one.body} for one in decoded.records]
    if decoded.damaged:
        lines.append({"damaged": True})
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _release(path: Path, bytes_max: int) -> dict[str, object]:
    try:
        with (path / _METADATA).open("rb") as file:
            manifest = json.loads(file.read(bytes_max))
        files = manifest.pop("files", {})
    except (OSError, ValueError, AttributeError) as error:
        return {"release": path.name, "problem": f"cannot read {_METADATA}: {type(error).__name__}"}
    complete = (path / ".complete").exists()
    return {"release": path.name, "complete": complete, "file_count": len(files), **manifest}


def _target(link: Path) -> str | None:
    return str(link.readlink()) if link.is_symlink() else None
