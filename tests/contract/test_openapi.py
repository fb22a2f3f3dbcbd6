"""Fuzzes the whole REST surface from its own document: every answer is one that the document foretells.

`ATT_EXAMPLES` says how often each is asked.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import CHECKS
from tests.contract.conftest import Running

from att.surfaces.generated import openapi_document, render_mcp_tools, render_openapi

SCHEMAS = Path(__file__).parents[2] / "schemas"
OUT_OF_REACH = re.compile(r"^/api/v1/(uploads|events|auth/sign-in|auth/claim)")
"""Files and endless streams have tests of their own; signing in and the claim are limited to ten tries a minute."""
DOCUMENT = openapi_document()
ALL: list[Any] = [found.ok() for found in cast("Any", schemathesis.openapi.from_dict(DOCUMENT).get_all_operations())]
OPERATIONS = [operation for operation in ALL if not OUT_OF_REACH.match(operation.path)]
SEMANTIC = re.compile(r"^/api/v1/(config|audit|credentials|jobs|tokens|models|projects|traces)")
"""Here a rule beyond the schema may refuse what fits it: settings, cursors, roles, addresses, names."""
EXAMPLES = int(os.environ.get("ATT_EXAMPLES", "3"))
POSITIVE, NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE


def runs() -> Iterator[Any]:
    for operation in OPERATIONS:
        documented = DOCUMENT["paths"][operation.path][operation.method.lower()]
        yield pytest.param(operation, POSITIVE, id=f"{operation.label} as documented")
        if documented.get("parameters") or documented.get("requestBody"):
            yield pytest.param(operation, NEGATIVE, id=f"{operation.label} otherwise")


@pytest.mark.parametrize(("operation", "mode"), list(runs()))
def test_every_answer_is_documented(platform: Running, operation: Any, mode: schemathesis.GenerationMode) -> None:
    unwanted: list[Any] = [CHECKS.get_one("positive_data_acceptance")] if SEMANTIC.match(operation.path) else []

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def fuzz(case: Any) -> None:
        case.call_and_validate(base_url=platform.url, headers=platform.headers, timeout=20, excluded_checks=unwanted)

    fuzz()


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_every_path_answers_a_wrong_method_with_those_it_takes(http: httpx.Client, operation: Any) -> None:
    taken = {method.upper() for method in DOCUMENT["paths"][operation.path]}
    response = http.request("TRACE", re.sub(r"{\w+}", "x", operation.path))
    assert response.status_code == 405
    assert taken <= set(response.headers["allow"].split(", "))


def test_the_served_document_is_the_committed_one(http: httpx.Client) -> None:
    committed = (SCHEMAS / "openapi.json").read_text(encoding="utf-8")
    assert committed == render_openapi(), "schemas/openapi.json is stale: run `make generate`"
    assert http.get("/api/v1/openapi.json").json() == DOCUMENT


def test_the_committed_tools_are_not_stale() -> None:
    committed = (SCHEMAS / "mcp-tools.json").read_text(encoding="utf-8")
    assert committed == render_mcp_tools(), "schemas/mcp-tools.json is stale: run `make generate`"
