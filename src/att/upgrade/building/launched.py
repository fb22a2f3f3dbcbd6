"""Jobs on the appliance: the launcher starts a unit of the building user for each, for root alone."""

import json
import socket
from pathlib import Path

from att.kernel.error_json import error_from
from att.kernel.errors import Unavailable

USER = "att-build"
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 200.0
_LINE_BYTES_MAX = 65_536


class LaunchedTasks:
    """Implements `Tasks` over the launcher's socket."""

    user: str | None = USER

    def __init__(self, launcher: Path) -> None:
        self._launcher = launcher

    def run(self, folder: Path) -> bool:
        """Have the job in `folder` done; the launcher finds it by its name."""
        question = json.dumps({"verb": "build", "job": folder.name}).encode() + b"\n"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(CONNECT_SECONDS)
                connection.connect(str(self._launcher))
                connection.settimeout(ANSWER_SECONDS)
                connection.sendall(question)
                with connection.makefile("rb") as answers:
                    answer = json.loads(answers.readline(_LINE_BYTES_MAX))
        except (OSError, ValueError) as error:
            text = f"cannot reach the launcher: {error}"
            raise Unavailable("launcher_unavailable", text, retry_after_seconds=1) from error
        if "error" in answer:
            raise error_from(answer["error"], "the launcher")
        return answer.get("built") is True
