#!/usr/bin/env bash
# Starts the appliance once, waits until it says healthy, stops it, looks for errors, and forgets that it ever ran.
# What this machine was during the build (keys, tokens, logs, ids, the build's user) goes when it shuts down.
# ATT_HEALTH_SECONDS: how long health may take (emulation is slow), default 420.
# shellcheck source-path=SCRIPTDIR source=step.sh
source "$(dirname "$0")/step.sh"
step 30-post-verify /opt/att/current

# Any word of systemd-analyze is a fault: it ends well on unknown keys. A socket without its service is no fault here,
# the generator does not want it.
verify_units() {
  local said
  said=$(in_root systemd-analyze verify "$@" att.target att-front.service att-firstboot.service att-recover.service \
    att-watchdog.timer att-backup.timer att-restore.service 2>&1 | grep -v '/proc/\|your invocation environment\|Your mileage' || true)
  [ -z "$said" ] || die "accept the units: $said"
}

if [ -n "$root" ] || [ ! -d /run/systemd/system ]; then
  verify_units
  note 'a staged root: nothing was started'
  exit 0
fi

wait_for_health() {
  local deadline=$((SECONDS + ${ATT_HEALTH_SECONDS:-420})) status=''
  until status=$(attctl status --json 2>&1); do
    # A service that keeps dying has nothing to wait for.
    if [ "$SECONDS" -ge "$deadline" ] || [ "$(systemctl show -P NRestarts att-api.service)" -ge 5 ]; then
      echo "$status" >&2
      systemctl --no-pager --full status 'att*' >&2 || true
      journalctl --no-pager -b -u 'att*' -n 200 >&2 || true
      die 'see the appliance healthy in time'
    fi
    sleep 1
  done
  echo "$status"
}

systemctl daemon-reload
systemd-sysusers
systemd-tmpfiles --create att.conf
mapfile -t released < <(cd /opt/att/current/systemd && ls)
verify_units --generators=yes "${released[@]}"
sysctl -q -p /usr/lib/sysctl.d/60-att.conf 2>/dev/null || true
systemctl start att.target
started=$SECONDS
# Most services start when they are first asked; here each shows that it can.
for unit in "${released[@]}"; do
  case $unit in
    *@.service) ;;
    *) systemctl start "$unit" || die "start $unit of the release" ;;
  esac
done
wait_for_health
note "healthy after $((SECONDS - started)) s"

failed=$(systemctl list-units --failed --plain --no-legend 'att*')
[ -z "$failed" ] || die "find every unit well: $failed"
systemctl stop att.target 'att-*.socket' 'att-*.service' 'att-*.timer'
errors=$(journalctl -q -b -p err -u 'att*' -o cat)
[ -z "$errors" ] || die "find the journal without errors: $errors"

# The rest happens at shutdown: the build's own session and logs go on until then.
install -m 0700 "$(dirname "$0")/scrub.sh" /run/att-scrub
cat >/run/systemd/system/att-scrub.service <<'UNIT'
[Unit]
Description=Forget the build
DefaultDependencies=no
RequiresMountsFor=/
After=local-fs.target systemd-journald.service
Conflicts=shutdown.target
# What stands here is stopped earlier: these write their state in the moment in which they stop. They stop late, so
# nothing may stand under After= that stops before them: systemd would drop a job of the circle, perhaps this one.
Before=shutdown.target systemd-random-seed.service systemd-timesyncd.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=/run/att-scrub
UNIT
systemctl daemon-reload
systemctl start att-scrub.service
/run/att-scrub now
note 'scrubbed; the rest goes at shutdown'
