"""The bill of materials of a release as CycloneDX JSON: what its venvs hold, with the hashes of their locks."""

from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path
from typing import Any

from att.release.sbom import document, normal_name, pins


def bill_of_materials(venvs: Iterable[tuple[Path, Path]], *, version: str, time: int) -> bytes:
    """Return sbom.json of `venvs` (folder of the packages, lock); `time` is the commit's, in Unix seconds."""
    by_ref = {one["bom-ref"]: one for site, lock in venvs for one in _components(site, lock)}
    return document([by_ref[ref] for ref in sorted(by_ref)], version=version, time=time)


def _components(site: Path, lock: Path) -> Iterator[dict[str, Any]]:
    locked = pins(lock.read_text(encoding="utf-8"))
    for folder in site.glob("*.dist-info"):
        found = PathDistribution(folder)
        _, hashes = locked.get(_name(found), ("", []))
        yield _component(found, hashes)


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
    return normal_name(distribution.metadata["Name"])
