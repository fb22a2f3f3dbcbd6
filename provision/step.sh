# shellcheck shell=bash
# Sourced by every step: the root it works on, and one APPLIANCE_STEP line at its start and its end.
#
#   ATT_ROOT    root file system to provision, default /
#   ATT_SOURCE  folder that holds appliance/ and provision/, default the one these scripts lie in
#   ATT_BUNDLE  the release bundle to install          ATT_TRUST_KEY  PEM public key for the trust root
#   ATT_SEED    git bundle of ATT's own repository, its branch main being the commit that the release was built from
#   ATT_KIND    machine (default) or container: a container has no kernel and boot loader
#
# A step may name a folder in step_cleanup: it is removed at the end.
set -euo pipefail

ATT_ROOT=${ATT_ROOT:-/}
ATT_ROOT=$(cd "$ATT_ROOT" && pwd -P)
ATT_SOURCE=${ATT_SOURCE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)}
ATT_KIND=${ATT_KIND:-machine}
root=${ATT_ROOT%/}
# shellcheck disable=SC2034 # the steps use it
image=$ATT_SOURCE/appliance

# step ID ARTIFACT: call it first; the end is printed when the script ends, however it ends.
step() {
  step_id=$1 step_artifact=$2 step_notes='' step_started=$(step_now)
  printf 'APPLIANCE_STEP:%s:START:{"artifact":%s,"elapsed_s":0,"notes":""}\n' "$step_id" "$(step_json "$step_artifact")"
  trap 'step_end $?' EXIT
}

# note WORDS: what the closing line says beside its figures.
note() { step_notes="${step_notes:+$step_notes; }$*"; }

die() {
  echo "cannot $1" >&2
  note "cannot $1"
  exit 1
}

step_end() {
  local outcome=OK
  [ -z "${step_cleanup:-}" ] || rm -rf "$step_cleanup"
  [ "$1" = 0 ] || outcome=FAIL
  printf 'APPLIANCE_STEP:%s:%s:{"artifact":%s,"elapsed_s":%s,"notes":%s}\n' "$step_id" "$outcome" \
    "$(step_json "$step_artifact")" "$(step_elapsed)" "$(step_json "$step_notes")"
}

step_now() { printf '%s' "${EPOCHREALTIME/[^0-9]/}"; }

step_elapsed() {
  local micros=$(($(step_now) - step_started))
  printf '%d.%03d' $((micros / 1000000)) $((micros / 1000 % 1000))
}

# step_json TEXT: the text as a JSON string.
step_json() {
  local text=${1//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  printf '"%s"' "${text//[$'\001'-$'\037']/ }"
}

# in_root COMMAND...: runs it on the root that is provisioned.
in_root() {
  if [ -z "$root" ]; then "$@"; else chroot "$root" "$@"; fi
}

# put MODE SOURCE TARGET: one file, owned by root, nothing done when it is the same already.
put() {
  local target=$root$3
  if [ -f "$target" ] && [ ! -L "$target" ] && cmp -s "$2" "$target" && [ "$(stat -c %a%u%g "$target")" = "${1#0}00" ]; then
    return 0
  fi
  install -D -o root -g root -m "$1" "$2" "$target.new"
  mv -T "$target.new" "$target"
}

# put_tree SOURCE TARGET: every file below SOURCE, programs as programs; what is no longer there goes.
put_tree() {
  local file mode
  install -d -o root -g root -m 0755 "$root$2"
  while IFS= read -r -d '' file; do
    mode=0644
    [ ! -x "$1/$file" ] || mode=0755
    put "$mode" "$1/$file" "$2/$file"
  done < <(cd "$1" && find . -type f ! -path '*/__pycache__/*' -printf '%P\0')
  while IFS= read -r -d '' file; do
    [ -e "$1/$file" ] || rm -f "$root$2/$file"
  done < <(cd "$root$2" && find . -type f -printf '%P\0')
}
