"""Jobs of the building user as plain processes of this one: the same program, without the unit around it."""

import subprocess
import sys
from pathlib import Path


class ProcessTasks:
    """Implements `Tasks`."""

    user: str | None = None

    def run(self, folder: Path) -> bool:
        """Run the job to its end."""
        command = [sys.executable, "-P", "-m", "att.entrypoints.build", str(folder)]
        return subprocess.run(command, timeout=120, check=False).returncode == 0
