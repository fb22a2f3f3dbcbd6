"""What goes to stdout: a result as JSON, YAML or a table."""

import json
import sys
from collections.abc import Mapping
from typing import Any

_CELL_CHARS_MAX = 72
_LISTS: Mapping[str, tuple[str, ...]] = {
    "att.config.show": ("setting", "value", "origin", "where"),
    "att.backup.list": ("file", "bytes", "made", "appliance", "release", "problem"),
    "att.token.list": ("id", "name", "role", "kind", "owner", "expires", "last_used", "revoked"),
    "att.tools.search": ("name", "kind", "effect", "role", "command", "summary"),
    "att.audit.list": ("time", "caller_name", "door", "peer", "operation", "outcome", "request_id"),
    "att.upgrade.history": ("id", "kind", "source", "target", "verdict", "state", "started", "by"),
    "att.release.list": ("version", "current", "previous", "build_time", "schema_version", "problems"),
    "att.trace.list": ("id", "state", "message", "answer", "steps", "started", "caller"),
    "att.test.history": ("id", "outcome", "suite", "targets", "counts", "seconds", "coverage_percent", "started"),
    "att.job.list": ("id", "operation", "state", "step", "percent", "created", "caller"),
}
"""Columns of a command's list where not all fits; the other formats always give everything."""


def show(value: Any, form: str, name: str = "") -> None:
    """Write one result to stdout in the form `json`, `yaml` or `table`."""
    sys.stdout.write(text_of(value, form, name))
    sys.stdout.flush()


def text_of(value: Any, form: str, name: str = "") -> str:
    """Return what `show` writes."""
    if form == "json":
        return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    if form == "yaml":
        import yaml

        # PyYAML writes these three as they are and reads them back as line breaks.
        odd = set("\x85\u2028\u2029") & set(json.dumps(value, ensure_ascii=False))
        return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=not odd))
    return _table(value, name)


def item_of(value: Mapping[str, Any], form: str) -> str:
    """Return one item of a stream: a JSON line, a YAML document, or its text."""
    if form == "json":
        return json.dumps(value, ensure_ascii=False) + "\n"
    if form == "yaml":
        return "---\n" + text_of(value, "yaml")
    text: str | None = next((value[key] for key in ("text", "line") if isinstance(value.get(key), str)), None)
    if text is None:
        return json.dumps(value, ensure_ascii=False) + "\n"
    gap = f"... {missing} bytes are kept no longer ...\n" if (missing := value.get("missing_bytes")) else ""
    return gap + (text if text.endswith("\n") else text + "\n")


def _table(value: Any, name: str) -> str:
    if name == "att.config.diff":
        return str(value["unified"])
    if name == "att.docs":
        return str(value["text"]) if value["text"] is not None else _table(_told(value), "")
    if not isinstance(value, dict):
        return _cell(value) + "\n"
    lines = []
    plain = {key: inner for key, inner in value.items() if not _is_rows(inner)}
    rows = {key: inner for key, inner in value.items() if _is_rows(inner)}
    if rows and set(plain) <= {"next_cursor", "path", "problems"}:
        plain = {key: inner for key, inner in plain.items() if inner}
    width = max((len(key) for key in plain), default=0)
    for key, inner in plain.items():
        lines += _entry(key, inner, width)
    for key, inner in rows.items():
        if plain or len(rows) > 1:
            lines += ["", f"{key}:"] if lines else [f"{key}:"]
        lines += _rows(inner, _LISTS.get(name))
    if rows and not lines:
        lines = ["nothing there"]
    return "\n".join(lines) + "\n" if lines else ""


def _told(docs: dict[str, Any]) -> dict[str, Any]:
    """Return what a table shows of the guide's list, or of what was found in it."""
    return {"found": docs["found"]} if docs["found"] or not docs["pages"] else {"pages": docs["pages"]}


def _entry(key: str, value: Any, width: int) -> list[str]:
    if isinstance(value, dict):
        return [f"{key}:", *[f"  {line}" for line in _table(value, "").splitlines()]] if value else []
    if isinstance(value, str) and "\n" in value:
        return [f"{key}:", *[f"  {line}" for line in value.splitlines()]]
    return [f"{key:<{width}}  {_cell(value, None)}"]


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) for one in value)


def _rows(rows: list[dict[str, Any]], columns: tuple[str, ...] | None) -> list[str]:
    names = [name for name in columns or () if name in rows[0]] or list(rows[0])
    names = [name for name in names if any(row.get(name) not in (None, "", [], {}) for row in rows)] or names[:1]
    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    widths = [max(len(name), *(len(row[at]) for row in cells)) for at, name in enumerate(names)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [[name.upper().replace("_", " ") for name in names], *cells]
    ]


def _cell(value: Any, limit: int | None = _CELL_CHARS_MAX) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and not any(isinstance(one, dict | list) for one in value):
        value = ", ".join(str(one) for one in value) or "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if limit is None or len(text) <= limit else text[: limit - 1] + "…"
