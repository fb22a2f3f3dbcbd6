"""The settings a running service holds: read at start, read again when the file changes, never worse than before."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from att.config.check import layers_of, read_text
from att.config.document import Problem
from att.config.settings import Settings
from att.config.store import previous_of
from att.kernel.errors import AttError

_log = structlog.get_logger(__name__)
_Stamp = tuple[int, int, int] | None


class LiveSettings:
    """Gives the settings that hold now; costs one `stat` a second, however often it is asked.

    A file that does not validate changes nothing: the last good settings go on to hold, at start those of
    att.yaml.previous, else the defaults; `problems` says what is wrong until the file is mended.
    """

    def __init__(
        self,
        path: Path,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read `path` at once; `environ` is the process's own unless given, `clock` counts seconds."""
        self._path = path
        self._environ = dict(os.environ if environ is None else environ)
        self._clock = clock
        self._looked = clock()
        self._stamp = self._stat()
        self.problems: list[Problem] = []
        self._settings = self._first()

    def current(self) -> Settings:
        """Return the settings that hold now."""
        now = self._clock()
        if now - self._looked >= 1:
            self._looked = now
            stamp = self._stat()
            if stamp != self._stamp:
                self._stamp = stamp
                self._settings = self._read(self._path) or self._settings
        return self._settings

    def _first(self) -> Settings:
        found = self._read(self._path)
        if found is not None:
            return found
        problems = self.problems
        settings = self._read(previous_of(self._path)) or Settings()
        self.problems = problems
        return settings

    def _read(self, path: Path) -> Settings | None:
        """Return the settings with `path` as the file, None when it cannot be used; sets `problems`."""
        try:
            text = read_text(path) if path.exists() else ""
        except AttError as error:
            self.problems = [Problem("", error.detail)]
        else:
            layers = layers_of(text, self._environ)
            self.problems = layers.problems
            if not layers.problems:
                return Settings.model_validate(layers.values)
        _log.warning("config_invalid", path=str(path), problems=[str(one) for one in self.problems])
        return None

    def _stat(self) -> _Stamp:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
