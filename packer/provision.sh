#!/usr/bin/env bash
# Runs in the guest: takes the provisioning tree from the seed disk and runs its steps in order.
set -euo pipefail
seed=/run/att-seed
export ATT_SOURCE=/run/att-source ATT_BUNDLE=$seed/bundle.attb ATT_TRUST_KEY=$seed/trust.pem ATT_SEED=$seed/att.bundle
mkdir -p "$seed" "$ATT_SOURCE"
mount -o ro LABEL=cidata "$seed"
tar -xf "$seed/tree.tar" -C "$ATT_SOURCE" --no-same-owner
for step in "$ATT_SOURCE"/provision/[0-9][0-9]-*.sh; do
  bash "$step"
done
umount "$seed"
fstrim / || true
# What the disk holds beside ATT, for the image's bill of materials; Packer takes it out.
{
  (. /etc/os-release && printf '%s\t%s\n' "$ID" "$VERSION_ID")
  dpkg-query -W -f '${db:Status-Abbrev}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n'
} >/run/att-packages.tsv
