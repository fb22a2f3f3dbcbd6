"""The example `appliance/att.yaml.example`: every setting with its default, commented out, made from the schema."""

import json
import textwrap
from typing import Any

from att.config import json_schema
from att.config.migration.decision import VERSION

_HEAD = f"""\
# Settings of the appliance: /etc/att/att.yaml. Every setting has the default shown here; uncomment what you change.
#
#   attctl config validate FILE    says where a file is wrong
#   attctl config diff FILE        what it would change
#   attctl config apply FILE       puts it in force, keeps the former as att.yaml.previous
#   attctl config show             what holds now, and who set it
#
# `version: {VERSION}` says for which version of the settings it was written; older files are migrated when applied.
#
# In cloud-init user data (NoCloud and others):
#
#   #cloud-config
#   write_files:
#     - path: /etc/att/att.yaml
#       permissions: "0644"
#       content: |
#         disk:
#           warn_percent: 80
"""


def render() -> str:
    """Return the text of the example."""
    lines = [_HEAD]
    for section, node in json_schema.load()["properties"].items():
        lines += _comment(node["description"], "")
        lines.append(f"# {section}:")
        for name, leaf in node["properties"].items():
            lines += _comment(f"{leaf['description']}. {_limits(leaf)}", "  ")
            lines.append(f"#   {name}: {json.dumps(leaf['default'], ensure_ascii=False)}")
        lines.append("")
    return "\n".join(lines)


def _comment(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text.strip(), 110, initial_indent=f"#{indent} # ", subsequent_indent=f"#{indent} # ")


def _limits(leaf: dict[str, Any]) -> str:
    told = []
    if "enum" in leaf:
        told.append(f"One of {', '.join(map(str, leaf['enum']))}.")
    if "minimum" in leaf and "maximum" in leaf:
        told.append(f"{leaf['minimum']} to {leaf['maximum']}.")
    if leaf["reload"] != "live":
        told.append(f"Holds after a restart of {leaf['reload'].removeprefix('restart:')}.")
    if leaf.get("door") == "ssh":
        told.append("Only an operator at the SSH door may change it.")
    return " ".join(told)
