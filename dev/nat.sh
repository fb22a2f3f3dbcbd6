#!/usr/bin/env bash
# Makes .nat: NAT's own venv from the hash-locked locks/nat.txt, with this checkout's att_nat in it.
# Nothing happens when it is there already for this lock and its Python runs.
set -euo pipefail
cd "$(dirname "$0")/.."
uv=.tools/bin/uv
[ -x "$uv" ] || uv=$(command -v uv) || { echo "cannot make .nat: uv is not installed; run \`make venv\`" >&2 && exit 4; }
stamp=.nat/.att-lock
python=3.13
wanted="$(sha256sum <locks/nat.txt) $python"

# Test workers may ask for it at the same moment.
exec 9<locks/nat.txt
flock 9
[ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ] || ! .nat/bin/python -c pass || exit 0
"$uv" venv -q --clear --no-project --python "$python" .nat
"$uv" pip sync -q --python .nat/bin/python --require-hashes locks/nat.txt
# A fifth of all is what nobody imports.
.nat/bin/python -m compileall -q -j 0 -x '/(tests|pip|setuptools)/' .nat/lib/python3.13/site-packages
ln -s ../../../../src/att_nat .nat/lib/python3.13/site-packages/att_nat
printf '%s\n' "$wanted" >"$stamp"
