#!/usr/bin/env bash
# Finds every Debian package the appliance needs installed. Nothing is downloaded: the base disk carries them.
# shellcheck source-path=SCRIPTDIR source=step.sh
source "$(dirname "$0")/step.sh"
step 00-base-deps "$image/packages.list"

boot_packages='linux-image-cloud-amd64 grub-pc-bin grub-efi-amd64-bin grub-efi-amd64-signed shim-signed systemd-boot-efi'
missing=()
count=0
while IFS= read -r package; do
  [ "$ATT_KIND" = container ] && [[ " $boot_packages " == *" $package "* ]] && continue
  count=$((count + 1))
  status=$(dpkg-query --admindir="$root/var/lib/dpkg" -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done < <(sed -e 's/#.*//' -e 's/[[:space:]]//g' -e '/^$/d' "$image/packages.list")

[ "${#missing[@]}" = 0 ] || die "provision: the base lacks the Debian packages ${missing[*]}"
note "$count packages"
