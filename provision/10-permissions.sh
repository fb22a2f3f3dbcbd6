#!/usr/bin/env bash
# Users, groups and the folders that the image owns. State below /var/lib/att is made at first boot, never here.
# shellcheck source-path=SCRIPTDIR source=step.sh
source "$(dirname "$0")/step.sh"
step 10-permissions /usr/lib/sysusers.d/att.conf

put 0644 "$image/sysusers.d/att.conf" /usr/lib/sysusers.d/att.conf
said=$(in_root systemd-sysusers att.conf 2>&1) || die "make the users: $said"

# The SSH door: people are `operator`, the SSH key is the factor, no password ever works. Debian has a group of that name.
if ! in_root getent passwd operator >/dev/null; then
  in_root useradd --create-home --uid 1000 --gid operator --shell /bin/bash --comment 'Appliance operator' --password '!' operator
fi
in_root usermod --append --groups att-operators,sudo operator
printf 'operator ALL=(ALL:ALL) NOPASSWD: ALL\n' >"$root/etc/sudoers.d/att-operator.new"
chmod 0440 "$root/etc/sudoers.d/att-operator.new"
mv -T "$root/etc/sudoers.d/att-operator.new" "$root/etc/sudoers.d/att-operator"
in_root visudo -cqf /etc/sudoers.d/att-operator

install -d -o root -g root -m 0755 "$root"/{opt/att,opt/att/releases,etc/att,etc/att/tls,usr/lib/att,usr/share/att,usr/share/att/seed}
install -d -o root -g root -m 0700 "$root"/{opt/att/.upgrade,etc/att/secrets.d}
[ ! -e "$root/var/lib/att" ] || [ -z "$(ls -A "$root/var/lib/att")" ] || die "provision: /var/lib/att holds state already"
note "operator in $(in_root id -nG operator)"
