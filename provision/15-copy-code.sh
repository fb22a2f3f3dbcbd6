#!/usr/bin/env bash
# What the image owns below /usr/lib/att, the trust root, the first release, installed from its bundle, and its sources.
# shellcheck source-path=SCRIPTDIR source=step.sh
source "$(dirname "$0")/step.sh"
step 15-copy-code "${ATT_BUNDLE:-}"

[ -f "${ATT_BUNDLE:-}" ] || die "provision: ATT_BUNDLE names no bundle"
[ -f "${ATT_TRUST_KEY:-}" ] || die "provision: ATT_TRUST_KEY names no public key"
grep -q 'BEGIN PUBLIC KEY' "$ATT_TRUST_KEY" || die "provision: $ATT_TRUST_KEY is no public key in PEM form"

[ -f "${ATT_SEED:-}" ] || die "provision: ATT_SEED names no seed"

put 0644 "$image/appliance.toml" /usr/lib/att/appliance.toml
put 0644 "$image/doors.conf" /usr/lib/att/doors.conf
put 0644 "$ATT_TRUST_KEY" /usr/lib/att/trust.d/release.pem
put_tree "$image/nginx" /usr/lib/att/nginx
put_tree "$image/firstboot" /usr/lib/att/firstboot
put_tree "$image/banner" /usr/lib/att/banner
put_tree "$image/stage0" /usr/lib/att/stage0
for program in "$image"/bin/*; do
  put 0755 "$program" "/usr/bin/$(basename "$program")"
done

# The release's own code verifies and installs it, with the trust root just laid down: the same installer as later.
work=$(mktemp -d "$root/var/tmp/att-install.XXXXXX")
step_cleanup=$work
cp "$ATT_BUNDLE" "$work/bundle.attb"
zstd -dcq "$work/bundle.attb" | tar -x -C "$work" --wildcards 'files/venv/lib/*'
inside=${work#"$root"}
site=$(cd "$work" && echo files/venv/lib/python3*/site-packages)
in_root env -i PATH=/usr/bin:/bin PYTHONPATH="$inside/$site" PYTHONDONTWRITEBYTECODE=1 \
  ATT_APPLIANCE_TOML=/usr/lib/att/appliance.toml /usr/bin/python3 -P -m att.release.install "$inside/bundle.attb"

current=$(readlink "$root/opt/att/current") || die "install: there is no current release"
[ -f "$root/opt/att/$current/.complete" ] || die "install: the release $current is not complete"

# The seed is for changing this very release: one of another commit would be the source of something else.
put 0644 "$ATT_SEED" /usr/share/att/seed/att.bundle
commit=$(sed -n 's/^ "commit": "\([0-9a-f]*\)",$/\1/p' "$root/opt/att/$current/metadata.json")
in_root git bundle list-heads /usr/share/att/seed/att.bundle refs/heads/main | grep -qx "$commit refs/heads/main" ||
  die "provision: ATT_SEED does not hold the commit ${commit:-?} of the release as its branch main"
note "current is $(basename "$current"), $(du -sm "$root/opt/att/$current" | cut -f1) MB"
