"""A private folder for one process: NAT writes configs with expanded secrets to the temporary folder."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
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
        _remove_at_the_end(folder)
        try:
            yield folder
        finally:
            tempfile.tempdir = None


def _remove_at_the_end(folder: Path) -> None:
    owner = os.getpid()

    def end(number: int, _frame: FrameType | None) -> None:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    signal.signal(signal.SIGTERM, end)
