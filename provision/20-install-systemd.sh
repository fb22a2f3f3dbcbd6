#!/usr/bin/env bash
# The image's units, the generator that adds the release's, kernel and journal settings; nginx runs as att-front alone.
# shellcheck source-path=SCRIPTDIR source=step.sh
source "$(dirname "$0")/step.sh"
step 20-install-systemd /usr/lib/systemd/system/att.target

count=0
for unit in "$image"/systemd/*.{socket,service,timer,target,slice}; do
  put 0644 "$unit" "/usr/lib/systemd/system/$(basename "$unit")"
  count=$((count + 1))
done
put 0644 "$image/systemd/10-att.preset" /usr/lib/systemd/system-preset/10-att.preset
put 0644 "$image/tmpfiles.d/att.conf" /usr/lib/tmpfiles.d/att.conf
put 0644 "$image/sysctl.d/60-att.conf" /usr/lib/sysctl.d/60-att.conf
put 0644 "$image/resolved.conf.d/10-att.conf" /usr/lib/systemd/resolved.conf.d/10-att.conf
# At login the appliance speaks, not the distribution.
put 0755 "$image/banner/10-att" /etc/update-motd.d/10-att
rm -f "$root/etc/update-motd.d/10-uname" "$root/etc/motd"
install -d -m 0755 "$root/usr/lib/systemd/system-generators"
ln -sfnT /usr/lib/att/stage0/generator "$root/usr/lib/systemd/system-generators/att-generator"

enablement() { if [ -z "$root" ]; then systemctl --quiet "$@"; else systemctl --root="$root" --quiet "$@"; fi; }
enablement disable nginx.service
rm -f "$root/etc/nginx/sites-enabled/default"
enablement preset att.target
in_root /usr/sbin/nginx -v 2>/dev/null || die "provision: nginx does not run"
note "$count units"
