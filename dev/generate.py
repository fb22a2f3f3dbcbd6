"""`python -m dev.generate [--check]`: writes every generated file that is committed, or says which are stale.

A generated file is one row of `GENERATED`: its path and what renders its text.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from dev import layout, plan_names, reference, rollback_policy

from att.appliance import Facts, load_facts

REPOSITORY = Path(__file__).resolve().parents[1]


def _facts() -> Facts:
    return load_facts(REPOSITORY / layout.FACTS_FILE)


def _bundle_metadata() -> str:
    from att.release.schema import metadata_json_schema

    return json.dumps(metadata_json_schema(), indent=2) + "\n"


def _settings() -> str:
    from att.config.json_schema import render

    return render()


def _settings_example() -> str:
    from att.config.example import render

    return render()


def _commands() -> str:
    from att.surfaces.cli.generate import render_index

    return render_index()


def _help() -> str:
    from att.surfaces.cli.generate import render_help

    return render_help()


def _openapi() -> str:
    from att.surfaces.generated import render_openapi

    return render_openapi()


def _mcp_tools() -> str:
    from att.surfaces.generated import render_mcp_tools

    return render_mcp_tools()


def _layout() -> str:
    return layout.layout(_facts(), (REPOSITORY / layout.FACTS_FILE).read_text(encoding="utf-8"))


GENERATED: dict[str, Callable[[], str]] = {
    "appliance/sysusers.d/att.conf": lambda: layout.sysusers(_facts()),
    "appliance/tmpfiles.d/att.conf": lambda: layout.tmpfiles(_facts()),
    "docs/guide/layout.md": _layout,
    "schemas/bundle-metadata.schema.json": _bundle_metadata,
    "schemas/att.schema.json": _settings,
    "src/att/config/att.schema.json": _settings,
    "appliance/att.yaml.example": _settings_example,
    "src/att/surfaces/cli/commands.json": _commands,
    "schemas/attctl.txt": _help,
    "schemas/openapi.json": _openapi,
    "schemas/mcp-tools.json": _mcp_tools,
    reference.MAN_PAGE: reference.man_page,
    "docs/guide/commands.md": reference.commands_page,
    "docs/guide/exit-codes.md": reference.exit_codes_page,
    "docs/guide/error-codes.md": reference.error_codes_page,
    rollback_policy.EVIDENCE: rollback_policy.document,
    "tests/evidence/plan-names.md": lambda: plan_names.document(plan_names.read(REPOSITORY)),
}
"""In writing order: the help comes from the written index, the example from the written schema."""


def main(arguments: list[str]) -> int:
    """Write or check; returns 1 when a file is stale."""
    parser = argparse.ArgumentParser(prog="python -m dev.generate", description="Write the generated files.")
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 when a file is stale")
    parser.add_argument("files", nargs="*", help="only these files")
    options = parser.parse_args(arguments)
    stale = 0
    for name in options.files or GENERATED:
        path, text = REPOSITORY / name, GENERATED[name]()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        if options.check:
            sys.stderr.write(f"{name} is stale: run `make generate`\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {name}\n")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
