"""Bundles whose signed metadata do not fit the schema, the product, the image or what is installed."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.crash.appliance import ACCEPTED, NEXT, RUNNING, Appliance, parts_of
from tests.crash.hostile.kind import Kind, Make, damaged, honest, signed
from tests.fakes.archives import KEY, Parts

from att.release.schema import Requires
from att.release.trust import sign_metadata


def writing(metadata: Callable[[bytes], bytes]) -> Make:
    """Write a bundle whose metadata are changed before they are signed."""

    def change(parts: Parts) -> Parts:
        told = metadata(parts.metadata)
        return replace(parts, metadata=told, signatures=sign_metadata(told, [KEY]))

    return damaged(change)


def floor(machine: Appliance, _bundle: Path) -> None:
    machine.layout.floor.write_text('{"version": "1.1.1"}')


def rolled_back_before(machine: Appliance, bundle: Path) -> None:
    machine.sick[NEXT.version] = "never ready"
    assert machine.bring_file(bundle) != ACCEPTED
    machine.sick.clear()


def installed_otherwise(machine: Appliance, _bundle: Path) -> None:
    machine.bring_file(parts_of(replace(NEXT, salt="other")).write(machine.root / "other.attb"))
    (machine.root / "other.attb").unlink()


def needing(**fields: Any) -> Make:
    return signed(requires=Requires(**{"contract": 1, "python": "3.13", "stage0": 1, **fields}))


METADATAS = {
    "metadata that are no JSON": Kind("metadata_invalid", writing(lambda told: told[:-3])),
    "a field given twice": Kind("metadata_invalid", writing(lambda told: told.replace(b"{", b'{"size": 1,', 1))),
    "an unknown field": Kind("metadata_invalid", writing(lambda told: told.replace(b"{", b'{"exec": "x",', 1))),
    "nested a hundred thousand deep": Kind("metadata_invalid", writing(lambda _told: b"[" * 100_000)),
    "a size that is not the sum": Kind("metadata_invalid", signed(size=7)),
    "a version that is a path": Kind(
        "metadata_invalid", writing(lambda told: told.replace(b'"1.1.0"', b'"../../../etc"'))
    ),
    "a later format": Kind("bundle_format", writing(lambda told: told.replace(b'"format": 1', b'"format": 2'))),
    "another product": Kind("bundle_product", signed(product="other")),
    "another kind of machine": Kind("bundle_product", signed(compatible="att-cluster")),
    "another architecture": Kind("bundle_architecture", signed(architecture="aarch64")),
    "a size of a petabyte": Kind("bundle_too_large", writing(lambda told: _resized(told, 1 << 50))),
    "a later image's contract": Kind("image_too_old", needing(contract=2)),
    "another Python": Kind("image_too_old", needing(python="3.14")),
    "below the security floor": Kind("version_floor", honest, before=floor),
    "not from this version": Kind("from_version", signed(from_versions=(">=1.0.5",))),
    "a database that is newer than its code": Kind("schema_too_new", signed(replace(NEXT, steps=((1, 1, "none"),)))),
    "the running version with other content": Kind("version_same", signed(replace(RUNNING, salt="other"))),
    "a kept version with other content": Kind("version_same", honest, before=installed_otherwise),
    "rolled back before": Kind("version_bad", honest, before=rolled_back_before),
}


def _resized(told: bytes, size: int) -> bytes:
    table = json.loads(told)
    first = next(entry for entry in table["files"].values() if "size" in entry)
    table["size"] += size - first["size"]
    first["size"] = size
    return json.dumps(table).encode()
