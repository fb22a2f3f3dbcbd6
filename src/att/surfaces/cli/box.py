"""The appliance this process runs on: its API socket, and a token for whoever may sign in at the SSH door."""

import json
import socket
from pathlib import Path

from att.appliance import facts
from att.kernel.errors import Forbidden, Unavailable

# The first to sign in after a boot has the launcher start.
LOGIN_SECONDS = 60.0
_ANSWER_BYTES_MAX = 16_384


def api_socket() -> Path:
    """Return the API's socket; Unavailable("unreachable") where this is no appliance."""
    run = facts().paths.run
    if not run.is_dir():
        raise Unavailable(
            "unreachable",
            f"cannot find an appliance here: there is no {run}",
            hint="give --url https://HOST:PORT (or ATT_URL) and a token (ATT_TOKEN or --token-file)",
        )
    return facts().unit("att-api").socket_paths[0]


def local_token() -> str:
    """Return the 5-minute token that the launcher signs for root and members of att-operators."""
    path = facts().paths.run / "local.sock"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(LOGIN_SECONDS)
            connection.connect(str(path))
            with connection.makefile("rb") as file:
                answer = json.loads(file.readline(_ANSWER_BYTES_MAX) or b"{}")
    except PermissionError as error:
        raise Forbidden(
            "not_allowed",
            f"cannot sign in at {path}: {error.strerror}",
            hint="be a member of the group att-operators, or use sudo",
        ) from error
    except (OSError, ValueError) as error:
        raise Unavailable(
            "unreachable",
            f"cannot sign in at {path}: {error}",
            hint="look at `systemctl status att-local.socket att-launcher`",
        ) from error
    if not isinstance(answer, dict) or "token" not in answer:
        told = answer.get("error", {}) if isinstance(answer, dict) else {}
        raise Forbidden(
            "not_allowed",
            f"cannot sign in at {path}: {told.get('detail', 'the launcher gave no token')}",
            hint="be a member of the group att-operators, or use sudo",
        )
    return str(answer["token"])
