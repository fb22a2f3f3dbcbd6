#!/usr/bin/env bash
# Installs the Debian packages a build host needs. Usage: host-packages.sh test|image
# Says what is missing and asks before it installs, unless YES=1 or CI is set.
set -euo pipefail

tier=${1:-test}
test_packages=(systemd-container mmdebstrap debian-archive-keyring nginx-light openssl zstd git strace openssh-client uidmap
  chromium-headless-shell bubblewrap e2fsprogs)
image_packages=(packer qemu-system-x86 qemu-utils ovmf mkosi kmod cpio mtools dosfstools grub-pc-bin
  grub-efi-amd64-bin python3-pefile dpkg-dev xorriso rsync lynis)
# Debian 12 has QEMU 7.2, which panics under emulation now and then, and mkosi 14: both come from backports there.
from_backports=(qemu-system-x86 qemu-utils mkosi)

case $tier in
  test) wanted=("${test_packages[@]}") ;;
  image) wanted=("${test_packages[@]}" "${image_packages[@]}") ;;
  *) echo "cannot install packages: unknown tier '$tier' (test or image)" >&2 && exit 2 ;;
esac

. /etc/os-release
installed() { dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }
missing=()
for package in "${wanted[@]}"; do installed "$package" || missing+=("$package"); done
[ "${#missing[@]}" -gt 0 ] || exit 0

echo "missing Debian packages: ${missing[*]}"
if [ "${YES:-}" != 1 ] && [ -z "${CI:-}" ]; then
  read -r -p "install them now? [y/N] " answer </dev/tty
  [ "$answer" = y ] || { echo "cannot go on: install them, or run again with YES=1" >&2 && exit 4; }
fi
sudo=()
[ "$(id -u)" = 0 ] || sudo=(sudo)

if [ "${VERSION_CODENAME:-}" = bookworm ]; then
  backports=/etc/apt/sources.list.d/att-backports.sources
  if [ ! -e "$backports" ]; then
    # shellcheck disable=SC2016 # apt's own placeholders
    mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE) $(CREATED_BY)' 2>/dev/null |
      awk '$2 == "bookworm" && $3 == "Packages" && $1 !~ /security/ {print $1; exit}')
    [ -n "$mirror" ] || { echo "cannot find the Debian mirror in apt's sources: run apt-get update, then try again" >&2 && exit 4; }
    printf 'Types: deb\nURIs: %s\nSuites: bookworm-backports\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' \
      "$mirror" | "${sudo[@]}" tee "$backports" >/dev/null
  fi
fi
export DEBIAN_FRONTEND=noninteractive
"${sudo[@]}" apt-get update -q
plain=()
backported=()
for package in "${missing[@]}"; do
  if [ "${VERSION_CODENAME:-}" = bookworm ] && [[ " ${from_backports[*]} " == *" $package "* ]]; then
    backported+=("$package")
  else
    plain+=("$package")
  fi
done
# A freshly installed nginx must not take port 80 of the build host.
"${sudo[@]}" ln -sf /dev/null /etc/systemd/system/nginx.service
[ "${#plain[@]}" -eq 0 ] || "${sudo[@]}" apt-get install -y -q --no-install-recommends "${plain[@]}"
[ "${#backported[@]}" -eq 0 ] || "${sudo[@]}" apt-get install -y -q --no-install-recommends -t bookworm-backports "${backported[@]}"
