"""The bill of materials of an image as CycloneDX JSON: its release's components and the Debian packages of its disk.

Debian packages are named by package URL (https://github.com/package-url/purl-spec, type `deb`), with the source package
as `upstream`, which is what scanners look Debian's advisories up by.
"""

import json
from typing import Any
from urllib.parse import quote

from att.release.sbom import document

_INSTALLED = "ii"


def bill_of_image(release: bytes, installed: str, *, version: str, time: int) -> bytes:
    """Return the bill of the image `version`; `time` is its commit's, in Unix seconds.

    `release` is the bill of the release in it. `installed` is what packer/provision.sh writes: a line with the id and
    version of the system, then one a package: status, name, version, architecture, source's name and version.
    """
    first, *lines = [line.split("\t") for line in installed.splitlines()]
    packages = [_package(first, *fields) for status, *fields in lines if status.strip() == _INSTALLED]
    components = [*json.loads(release)["components"], _system(first), *packages]
    by_ref = {one["bom-ref"]: one for one in components}
    return document([by_ref[ref] for ref in sorted(by_ref)], version=version, time=time, name="att-image")


def _system(system: list[str]) -> dict[str, Any]:
    name, version = system
    return {"type": "operating-system", "bom-ref": f"{name}-{version}", "name": name, "version": version}


def _package(
    system: list[str], name: str, version: str, architecture: str, source: str, source_version: str
) -> dict[str, Any]:
    qualifiers = {"arch": architecture, "distro": "-".join(system), "upstream": f"{source}@{source_version}"}
    told = "&".join(f"{key}={_encoded(value)}" for key, value in qualifiers.items())
    purl = f"pkg:deb/{system[0]}/{_encoded(name)}@{_encoded(version)}?{told}"
    return {"type": "library", "bom-ref": purl, "purl": purl, "name": name, "version": version}


def _encoded(text: str) -> str:
    return quote(text, safe=":")
