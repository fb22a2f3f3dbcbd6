#!/usr/bin/env bash
# Proves that the base's Python is the one releases are built for. Releases bring their own venv and link to it.
# shellcheck source-path=SCRIPTDIR source=step.sh
source "$(dirname "$0")/step.sh"
step 05-python-env /usr/bin/python3

wanted=$(sed -n 's/^python = "\([0-9.]*\)".*/\1/p' "$image/appliance.toml")
found=$(in_root /usr/bin/python3 -I -c 'import sys; print("%d.%d" % sys.version_info[:2])')
[ "$found" = "$wanted" ] || die "provision: the base has Python $found, releases need $wanted"
[ -x "$root/usr/bin/python$wanted" ] || die "provision: /usr/bin/python$wanted is missing"
in_root "/usr/bin/python$wanted" -I -c 'import ssl, sqlite3, tomllib, zlib'
note "Python $(in_root /usr/bin/python3 -I -c 'import platform; print(platform.python_version())')"
