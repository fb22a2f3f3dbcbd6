"""Says what sets the clock and how well."""

from datetime import UTC, datetime

from att.machine.clock.decision import servers_of, sync_of, warnings
from att.machine.clock.ports import Clock
from att.machine.clock.schema import TimeShown

SOURCE = "systemd-timesyncd"


class TimeService:
    """The clock of one machine."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def show(self) -> TimeShown:
        """Return how the clock is."""
        clock = self._clock
        active, now, at, jump = clock.active(), clock.now(), clock.synchronised_at(), clock.jump()
        # Asked while the service stands, timedatectl waits long for one that nobody starts.
        sync = sync_of(clock.status() if active else "")
        since = None if at is None else max(0.0, now - at)
        return TimeShown(
            now=_stamp(now),
            time_zone=clock.time_zone(),
            source=SOURCE if active else "none",
            synchronised=at is not None,
            server=sync.server or None,
            servers=list(servers_of(clock.servers() if active else "")),
            stratum=sync.stratum,
            offset_seconds=sync.offset,
            jitter_seconds=sync.jitter,
            poll_seconds=sync.poll,
            last_sync=None if at is None else _stamp(at),
            jump_seconds=None if jump is None else round(jump, 1),
            hardware_clock=clock.hardware(),
            warnings=warnings(sync, active=active, since_sync=since, jump=jump),
        )

    def accept(self) -> TimeShown:
        """Take the clock as it is: a jump of before is no news any more."""
        self._clock.accept()
        return self.show()


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
