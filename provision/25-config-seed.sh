#!/usr/bin/env bash
# The operator's settings file, empty: every setting has a default, and `attctl config show` and the schema name them;
# and where people and their shells look for a guide.
# shellcheck source-path=SCRIPTDIR source=step.sh
source "$(dirname "$0")/step.sh"
step 25-config-seed /etc/att/att.yaml

if [ ! -e "$root/etc/att/att.yaml" ]; then
  put 0644 "$image/att.yaml" /etc/att/att.yaml
fi
# Guide and man page are those of the release that runs.
install -d -o root -g root -m 0755 "$root"/usr/share/{doc,man/man1}
ln -sfnT /opt/att/current/doc "$root/usr/share/doc/att"
ln -sfnT /opt/att/current/doc/attctl.1 "$root/usr/share/man/man1/attctl.1"
[ -f "$root/opt/att/$(readlink "$root/opt/att/current")/doc/attctl.1" ] || die "provision: the release has no guide"
put 0644 "$image/completions/attctl.bash" /usr/share/bash-completion/completions/attctl
note "$(in_root /bin/sh -c 'ls /etc/att | tr "\n" " "')"
