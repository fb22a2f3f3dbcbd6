#!/usr/bin/env bash
# Removes all that makes this machine one particular machine. Called twice by post-verify: `now`, and at shutdown,
# when nobody needs the build's user, its keys and the logs any longer. ATT_ROOT as for the steps.
set -euo pipefail
shopt -s nullglob dotglob
root=${ATT_ROOT:-}
root=${root%/}
build_user=packer

forget() { rm -rf -- "$@"; }

forget "$root"/var/lib/att "$root"/var/log/att "$root"/etc/att/tls/* "$root"/etc/att/secrets.d/* "$root"/etc/att/first-token.sha256
forget "$root"/opt/att/.upgrade/* "$root"/opt/att/.previous
forget "$root"/var/tmp/* "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/root/.bash_history "$root"/root/.ssh
forget "$root"/home/operator/.ssh "$root"/home/operator/.bash_history "$root"/home/operator/.cache
if [ "${1:-}" = now ]; then
  exit 0
fi

forget "$root"/etc/ssh/ssh_host_* "$root"/var/lib/cloud "$root"/var/log/cloud-init* "$root"/etc/sudoers.d/90-cloud-init-users
forget "$root"/var/lib/systemd/random-seed "$root"/var/lib/systemd/credential.secret "$root"/var/lib/systemd/timesync
forget "$root"/var/lib/systemd/timers "$root"/var/lib/dbus/machine-id "$root"/tmp/*
forget "$root"/etc/systemd/network/10-cloud-init* "$root"/etc/netplan/50-cloud-init* "$root"/etc/hosts.cloud
forget "$root"/home/$build_user
for file in passwd shadow group gshadow subuid subgid; do
  for path in "$root/etc/$file" "$root/etc/$file-"; do
    [ -f "$path" ] || continue
    sed -i -e "/^$build_user:/d" -e "s/\\([:,]\\)$build_user\\(,\\|\$\\)/\\1/" -e 's/,$//' "$path"
  done
done
forget "$root"/etc/sudoers.d/*"$build_user"*
: >"$root/etc/machine-id"
echo att >"$root/etc/hostname"
if [ -z "$root" ]; then
  journalctl --relinquish-var || true
fi
forget "$root"/var/log/journal/*
find "$root/var/log" -type f -exec truncate -s 0 {} +
sync -f "${root:-/}"
if [ -z "$root" ]; then
  # Who builds the image looks for this: one that was not scrubbed is given to nobody.
  echo 'APPLIANCE_STEP:scrub:OK:{}' >/dev/console
fi
