"""Reads metadata.json and says whether the release it describes may be installed here."""

import json
from typing import Any

from pydantic import ValidationError

from att.appliance import Facts
from att.kernel.errors import InvalidInput, Refused, TooLarge
from att.release.names import tree_defect
from att.release.schema import FORMAT, Metadata


def parse_metadata(raw: bytes) -> Metadata:
    """Return the parsed metadata.json; Refused("metadata_invalid") names the field that does not fit.

    Refused("bundle_format") when it is written in a later format, whose other fields nobody here can judge.
    """
    try:
        table = json.loads(raw, object_pairs_hook=_no_repeats)
        _demand_format(table)
        return Metadata.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise Refused("metadata_invalid", f"cannot use the bundle: metadata.json: {field}: {first['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise Refused("metadata_invalid", f"cannot use the bundle: metadata.json: {error}") from error


def check_metadata(metadata: Metadata, facts: Facts) -> None:
    """Raise unless the release is made for this product and machine, within the limits, and one self-contained tree."""
    product = facts.product
    if (metadata.product, metadata.compatible) != (product.name, product.compatible):
        made_for = f"{metadata.product}/{metadata.compatible}"
        raise InvalidInput("bundle_product", f"cannot use the bundle: it is made for {made_for}", field="bundle")
    if metadata.architecture != product.architecture:
        raise Refused(
            "bundle_architecture",
            f"cannot use the bundle: it is made for {metadata.architecture}, this is {product.architecture}",
        )
    files = metadata.regular()
    if len(metadata.files) > facts.limits.release_files_max or metadata.size > facts.limits.release_bytes_max:
        raise TooLarge("bundle_too_large", f"cannot use the bundle: {len(metadata.files)} files, {metadata.size} bytes")
    if metadata.size != sum(entry.size for entry in files.values()):
        raise Refused("metadata_invalid", "cannot use the bundle: metadata.json: size is not the sum of its files")
    defect = tree_defect(files, metadata.links(), python=product.python)
    if defect:
        raise Refused(defect[0], f"cannot use the bundle: {defect[1]}")


def _demand_format(table: Any) -> None:
    form = table.get("format") if isinstance(table, dict) else None
    if type(form) is int and form > FORMAT:
        raise Refused("bundle_format", f"cannot use the bundle: it is written in format {form}, {FORMAT} is known here")


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a name is given twice")
    return table
