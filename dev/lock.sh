#!/usr/bin/env bash
# Resolves the dependencies of pyproject.toml and writes locks/: exact versions with hashes, no address of any index.
set -euo pipefail
cd "$(dirname "$0")/.."
options=(-q --universal --python-version 3.13 --generate-hashes --no-annotate --no-header)
uv pip compile pyproject.toml "${options[@]}" -o locks/runtime.txt "$@"
uv pip compile pyproject.toml --group dev -c locks/runtime.txt "${options[@]}" -o locks/dev.txt "$@"
uv pip compile --group nat "${options[@]}" -o locks/nat.txt "$@"
