"""What the site demands, for a process that runs on while it changes."""

import time
from collections.abc import Callable
from pathlib import Path

import structlog

from att.site.decision import Site
from att.site.kept import KEPT_FILE, TRIAL_FILE, site_at

LOOK_SECONDS = 1.0

_log = structlog.get_logger(__name__)
_Stamp = tuple[tuple[int, int, int] | None, ...]


class LiveSite:
    """Gives what holds now; costs two `stat` a second, however often it is asked.

    A file that cannot be read changes nothing.
    """

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._files = [root / name for name in (TRIAL_FILE, KEPT_FILE)]
        self._root = root
        self._clock = clock
        self._looked = clock()
        self._stamp: _Stamp = (None, None)
        self._site = Site()
        self._look()

    def __call__(self) -> Site:
        """Return the site as it is now."""
        now = self._clock()
        if now - self._looked >= LOOK_SECONDS:
            self._looked = now
            self._look()
        return self._site

    def _look(self) -> None:
        stamp = tuple(_stamp(path) for path in self._files)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            found = site_at(self._root)
        except (OSError, ValueError) as error:
            _log.warning("site_unreadable", why=str(error))
            return
        if found != self._site:
            self._site = found
            proxy = found.proxy.url if found.proxy else None
            _log.info("site", proxy=proxy, no_proxy=list(found.no_proxy), authorities=len(found.authorities))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
