"""What schemathesis must not do to the platform that it runs against, and what it could not guess."""

import json
import os
from typing import Any

import schemathesis
from schemathesis import GenerationMode

OWN = os.environ["FUZZ_OWN_TOKEN"]
KNOWN: dict[str, Any] = json.loads(os.environ["FUZZ_KNOWN"])
"""Parameters of paths with a value that is there."""


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Keep the run's own token alive."""
    return OWN not in map(str, (case.path_parameters or {}).values())


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Follow no stream, since it has no end. Ask about what is there, where values are made up and right."""
    if str((case.query or {}).get("follow")).lower() not in ("none", "false"):
        case.query["follow"] = "false"
    made_up = case.meta is not None and case.meta.phase.name.value != "stateful"
    if made_up and case.meta.generation.mode is GenerationMode.POSITIVE:
        case.path_parameters.update({name: KNOWN[name] for name in case.path_parameters.keys() & KNOWN.keys()})


@schemathesis.check
def no_fault_of_ours(ctx: Any, response: Any, case: Any) -> None:
    """An answer that says `internal` is a mistake of the platform, whatever its status."""
    if response.headers.get("content-type", [""])[0].startswith("application/problem+json"):
        assert response.json().get("code") != "internal", "ATT made a mistake"
