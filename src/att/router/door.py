"""How the API and the rooms above reach the router: where apps ask for models, with which key, and the admin's side."""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread

from att.effects.http import Answer, NoAnswer, request
from att.kernel.error_json import error_from
from att.kernel.errors import Unavailable
from att.router.keys import RouterKeys
from att.router.paths import ADMIN

# The first to ask after a boot has the router start.
SECONDS = 25.0
SLOW_SECONDS = 30.0


@dataclass(frozen=True)
class RouterDoor:
    """The router of this appliance: `socket` is its unix socket, `port` the one on loopback."""

    socket: Path
    port: int
    keys: RouterKeys

    def url(self) -> str:
        """Return what apps use as their `base_url`: the port on loopback, which a sandbox leads to `socket`."""
        return f"http://127.0.0.1:{self.port}/v1"

    def key_for(self, project_id: str, uid: int | None) -> str:
        """Return the key that a project's apps and tests send, good for their system user alone if they have one."""
        return self.keys.for_project(project_id, uid)

    async def admin(
        self, method: str, name: str = "", payload: dict[str, Any] | None = None, *, slow: bool = False
    ) -> Any:
        """Ask the router's admin; raises the router's error, Unavailable(router_down) where it does not answer."""
        work = partial(self._ask, method, f"{ADMIN}/{name}".rstrip("/"), payload, SLOW_SECONDS if slow else SECONDS)
        answer = await anyio.to_thread.run_sync(work)
        if answer.status != 200:
            raise error_from((answer.json or {}).get("error"), "the router")
        return answer.json

    def _ask(self, method: str, path: str, payload: dict[str, Any] | None, seconds: float) -> Answer:
        # Through a descriptor of the folder: the path of a unix socket has room for 107 bytes.
        try:
            folder = os.open(self.socket.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                near = Path(f"/proc/self/fd/{folder}") / self.socket.name
                token = self.keys.for_admin()
                return request(near, method, path, timeout_seconds=seconds, token=token, payload=payload)
            finally:
                os.close(folder)
        except (NoAnswer, OSError) as error:
            raise Unavailable(
                "router_down", "cannot reach the router: it does not answer", retry_after_seconds=5
            ) from error
