"""`make dev`: the same services without a VM, in the foreground, on a loopback port, everything under one folder.

What needs the machine answers `appliance_only`. The user `dev` has claimed it already; an admin token lies in
`secrets.d/admin-token`.
"""

import asyncio
import os
import secrets
import socket
import sys
from dataclasses import replace
from pathlib import Path

from att.appliance import Facts, facts
from att.config.live import LiveSettings
from att.effects import journal
from att.effects.filesystem import write_atomically
from att.entrypoints.platform import ApiServer, build, migrations_folder
from att.kernel.errors import AttError, Conflict
from att.projects.sealed import make_key
from att.store.migrating import migrate

USER = "dev"
DATABASE = "db-1"
TOKEN_FILE = "admin-token"  # noqa: S105 - the name of a file


def development_facts(data: Path) -> Facts:
    """Return the facts with everything below `data`, secrets in its `secrets.d`."""
    rooted = facts().rooted(data)
    return replace(rooted, paths=replace(rooted.paths, secrets=data / "secrets.d"))


def prepare(where: Facts) -> str:
    """Make the folders, the database at the release's schema, the sealing key and the admin token; return the token."""
    paths = where.paths
    for folder in (paths.api_state, paths.uploads, paths.run, paths.keys, paths.config.parent, paths.secrets):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = paths.api_state / DATABASE
    migrate(database, migrations_folder(), lambda _: None, create=not database.exists())
    if not paths.api_database.is_symlink():
        paths.api_database.symlink_to(DATABASE)
    make_key(paths.secrets)
    token_file = paths.secrets / TOKEN_FILE
    if not token_file.exists():
        write_atomically(token_file, f"att_{secrets.token_urlsafe(32)}\n".encode(), mode=0o600)
    return token_file.read_text(encoding="ascii").strip()


async def serve(where: Facts, listener: socket.socket, token: str) -> None:
    """Serve until interrupted."""
    platform = await build(where, LiveSettings(where.paths.config), appliance=False)
    await platform.identity.ensure_admin(USER, token)
    port = listener.getsockname()[1]
    lines = (
        f"ATT runs on http://127.0.0.1:{port}/ as user {USER}; stop it with Ctrl-C",
        f"  REST   http://127.0.0.1:{port}/api/v1   MCP http://127.0.0.1:{port}/mcp",
        f"  token  {where.paths.secrets / TOKEN_FILE}",
        f"  attctl --url http://127.0.0.1:{port} --token-file {where.paths.secrets / TOKEN_FILE} job list",
    )

    def ready() -> None:
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()

    await ApiServer(platform, on_ready=ready).serve([listener])


def main() -> int:
    """Run in the foreground; PORT and DATA_DIR say where. Returns the exit code."""
    os.umask(0o077)
    data = Path(os.environ.get("DATA_DIR", ".state/dev")).resolve()
    journal.to_stderr(os.environ.get("ATT_LOG_LEVEL", "warning"))
    try:
        where = development_facts(data)
        listener = listen(int(os.environ.get("PORT", str(where.ports.appliance))))
        asyncio.run(serve(where, listener, prepare(where)))
    except AttError as error:
        sys.stderr.write(f"{error.detail} ({error.code})\nhint: {error.hint}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


def listen(port: int) -> socket.socket:
    """Return a listening socket on the loopback port; Conflict when somebody else has it."""
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise Conflict("port_taken", f"cannot listen on 127.0.0.1:{port}: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main())
