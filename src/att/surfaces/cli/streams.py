"""Reads a stream to its end, or with --follow through restarts of the service by its cursor."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from att.kernel.errors import AttError, Unavailable
from att.surfaces.cli import output
from att.surfaces.cli.client import Client
from att.surfaces.cli.failure import OK, Remote
from att.surfaces.cli.index import Spec

RESUME_SECONDS = 0.5
TRIES_MAX = 240


def follow(client: Client, spec: Spec, values: Mapping[str, Any], form: str) -> int:
    """Print the items; a broken stream is taken up after its last cursor when `follow` was asked for."""
    asked, tries = dict(values), 0
    while True:
        try:
            for item in client.stream(spec.path, asked):
                if item.get("end"):
                    return OK
                if "problem" in item and "code" in item["problem"]:
                    raise Remote(item["problem"], int(item["problem"].get("status", 500)))
                if "reconnect" in item:
                    break
                tries = 0
                asked["cursor"] = item["cursor"]
                sys.stdout.write(output.item_of(item, form))
                sys.stdout.flush()
        except AttError as error:
            if error.code != "unreachable" or not asked.get("follow") or tries >= TRIES_MAX:
                raise
        tries += 1
        if tries > TRIES_MAX:
            raise Unavailable("unreachable", f"cannot read {spec.name} on: it breaks off without an end")
        time.sleep(RESUME_SECONDS)
