"""A private folder for one process: NAT writes configs with expanded secrets to the temporary folder."""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType


@contextmanager
def scratch() -> Iterator[Path]:
    """Make a folder that only this user reads, the temporary folder of all that runs inside, and remove it after.

    SIGTERM ends the process as it would by default, but the folder is removed before.
    """
    with tempfile.TemporaryDirectory(prefix="att-nat-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        temporary = folder / "tmp"
        temporary.mkdir()
        os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
        before = signal.signal(signal.SIGTERM, _removing(folder))
        try:
            yield folder
        finally:
            signal.signal(signal.SIGTERM, before)
            tempfile.tempdir = None


def _removing(folder: Path) -> Callable[[int, FrameType | None], None]:
    owner = os.getpid()

    def end(number: int, _frame: FrameType | None) -> None:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    return end
