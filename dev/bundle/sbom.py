"""The bill of materials of a release as CycloneDX JSON: what its venvs hold, with the hashes of their locks."""

import json
import re
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path
from typing import Any

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def bill_of_materials(venvs: Iterable[tuple[Path, Path]], *, version: str, time: int) -> bytes:
    """Return sbom.json of `venvs` (folder of the packages, lock); `time` is the commit's, in Unix seconds."""
    by_ref = {one["bom-ref"]: one for site, lock in venvs for one in _components(site, lock)}
    components = [by_ref[ref] for ref in sorted(by_ref)]
    me = f"pkg:generic/att@{version}"
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, me)}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application",
                "bom-ref": me,
                "name": "att",
                "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            },
        },
        "components": components,
        "dependencies": [{"ref": me, "dependsOn": [component["bom-ref"] for component in components]}],
    }
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def _components(site: Path, lock: Path) -> list[dict[str, Any]]:
    hashes = dict(locked_hashes(lock.read_text(encoding="utf-8")))
    found = (PathDistribution(folder) for folder in site.glob("*.dist-info"))
    return [_component(distribution, hashes.get(_name(distribution), [])) for distribution in found]


def locked_hashes(lock: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each package of a pip lock with the sha256 of every file that may satisfy it."""
    for block in re.split(r"\n(?=\S)", lock):
        if pin := _PIN.match(block):
            yield _normal(pin[1]), sorted(_HASH.findall(block))


def _component(distribution: Distribution, hashes: list[str]) -> dict[str, Any]:
    name, version = _name(distribution), distribution.version
    purl = f"pkg:pypi/{name}@{version}"
    component: dict[str, Any] = {"type": "library", "bom-ref": purl, "purl": purl, "name": name, "version": version}
    if text := _licence(distribution):
        component["licenses"] = [text]
    if hashes:
        component["externalReferences"] = [
            {
                "type": "distribution",
                "url": purl,
                "comment": "one of these files",
                "hashes": [{"alg": "SHA-256", "content": content} for content in hashes],
            }
        ]
    return component


def _licence(distribution: Distribution) -> dict[str, Any] | None:
    told = distribution.metadata
    if expression := told.get("License-Expression"):
        return {"expression": expression}
    classifiers = [
        line.rsplit(" :: ", 1)[1] for line in told.get_all("Classifier", []) if line.startswith("License ::")
    ]
    name = (told.get("License") or "").strip().splitlines()
    text = classifiers[0] if classifiers else (name[0][:80] if name else "")
    return {"license": {"name": text}} if text else None


def _name(distribution: Distribution) -> str:
    return _normal(distribution.metadata["Name"])


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
