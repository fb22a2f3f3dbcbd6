"""The bill of materials as CycloneDX JSON: the document around its components, and the locks they come from. Pure."""

import json
import re
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def document(components: Sequence[dict[str, Any]], *, version: str, time: int, name: str = "att") -> bytes:
    """Return the bill of the release `version`, or of what `name` says; `time` is its commit's, in Unix seconds."""
    me = f"pkg:generic/{name}@{version}"
    found = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, me)}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application",
                "bom-ref": me,
                "name": name,
                "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            },
        },
        "components": components,
        "dependencies": [{"ref": me, "dependsOn": [component["bom-ref"] for component in components]}],
    }
    return json.dumps(found, indent=1, sort_keys=True).encode() + b"\n"


def renewed(former: bytes, *, version: str, time: int) -> bytes:
    """Return the sbom.json of a release with the same packages as the one whose sbom.json is `former`."""
    return document(json.loads(former)["components"], version=version, time=time)


def pins(lock: str) -> dict[str, tuple[str, list[str]]]:
    """Return the packages of a pip lock: name → version, and the sha256 of every file that may satisfy it."""
    return {name: (version, hashes) for name, version, hashes in _blocks(lock)}


def _blocks(lock: str) -> Iterator[tuple[str, str, list[str]]]:
    for block in re.split(r"\n(?=\S)", lock):
        if pin := _PIN.match(block):
            yield normal_name(pin[1]), pin[2], sorted(_HASH.findall(block))


def normal_name(name: str) -> str:
    """Return the one spelling of a package's name."""
    return re.sub(r"[-_.]+", "-", name).lower()
