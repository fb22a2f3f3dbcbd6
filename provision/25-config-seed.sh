#!/usr/bin/env bash
# The operator's settings file, empty: every setting has a default, and `attctl explain` and the schema name them.
# shellcheck source-path=SCRIPTDIR source=step.sh
source "$(dirname "$0")/step.sh"
step 25-config-seed /etc/att/att.yaml

if [ ! -e "$root/etc/att/att.yaml" ]; then
  put 0644 "$image/att.yaml" /etc/att/att.yaml
fi
put 0644 "$ATT_SOURCE/README.md" /usr/share/doc/att/README.md
put 0644 "$ATT_SOURCE/LICENSE" /usr/share/doc/att/LICENSE
[ ! -f "$ATT_SOURCE/docs/layout.md" ] || put 0644 "$ATT_SOURCE/docs/layout.md" /usr/share/doc/att/layout.md
note "$(in_root /bin/sh -c 'ls /etc/att | tr "\n" " "')"
