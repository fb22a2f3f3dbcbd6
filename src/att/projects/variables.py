"""Sealed variables of projects, and sealed credentials for other hosts."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from att.kernel.errors import Conflict, NotFound, Refused
from att.kernel.operation import Caller
from att.projects import records
from att.projects.decision import VARIABLES_MAX, host_of
from att.projects.ports import Login
from att.projects.schema import Credential, CredentialSet, Variable
from att.projects.sealed import Sealer
from att.store.service import Store

CREDENTIALS_MAX = 200
_VARIABLE, _CREDENTIAL = "variable", "credential"


class Variables:
    """Everything of projects that lies sealed in the database."""

    def __init__(self, store: Store, sealer: Sealer) -> None:
        self._store = store
        self._sealer = sealer

    async def all(self, project_id: str) -> list[Variable]:
        """Return a project's variables by name, the values of secrets left out."""
        async with self._store.read() as connection:
            rows = await records.variables(connection, project_id)
        return [
            Variable(
                name=row.name,
                secret=row.secret,
                value=None if row.secret else self._open(project_id, row),
                updated_at=datetime.fromtimestamp(row.updated, UTC),
            )
            for row in rows
        ]

    async def set(self, project_id: str, name: str, value: str, *, secret: bool) -> Variable:
        """Seal a variable in place of the one of its name. Raises Conflict(variables_full)."""
        now = self._store.clock()
        sealed = self._sealer.seal(value, *variable_place(project_id, name, secret=secret))
        async with self._store.write() as connection:
            known = {row.name for row in await records.variables(connection, project_id)}
            if len(known | {name}) > VARIABLES_MAX:
                raise Conflict("variables_full", f"cannot set {name}: the project has {VARIABLES_MAX} variables")
            row = {"project_id": project_id, "name": name, "secret": secret, "sealed": sealed, "updated": now}
            await records.put_variable(connection, row)
        shown = None if secret else value
        return Variable(name=name, secret=secret, value=shown, updated_at=datetime.fromtimestamp(now, UTC))

    async def remove(self, project_id: str, name: str) -> None:
        """Delete a variable; raises NotFound(variable_unknown)."""
        async with self._store.write() as connection:
            if not await records.remove_variable(connection, project_id, name):
                raise NotFound("variable_unknown", f"cannot find the variable {name}", field="name")

    async def opened(self, project_id: str) -> Mapping[str, str]:
        """Return all variables of a project with their values, secrets too."""
        async with self._store.read() as connection:
            rows = await records.variables(connection, project_id)
        return {row.name: self._open(project_id, row) for row in rows}

    async def credentials(self) -> list[Credential]:
        """Return the stored credentials by name, without their secrets."""
        async with self._store.read() as connection:
            rows = await records.all_credentials(connection)
        return [_credential(row) for row in rows]

    async def set_credential(self, caller: Caller, request: CredentialSet) -> Credential:
        """Seal a credential in place of the one of its name. Raises Conflict(credentials_full)."""
        now, values = self._store.clock(), request.model_dump(include={"name", "host", "username"})
        sealed = self._sealer.seal(request.secret.get_secret_value(), *credential_place(request.host, request.name))
        async with self._store.write() as connection:
            known = {row.name for row in await records.all_credentials(connection)}
            if len(known | {request.name}) > CREDENTIALS_MAX:
                raise Conflict("credentials_full", f"cannot store {request.name}: there are {CREDENTIALS_MAX}")
            row = {**values, "sealed": sealed, "owner": caller.id, "created": now}
            await records.put_credential(connection, row)
        return Credential(**values, created_at=datetime.fromtimestamp(now, UTC))

    async def remove_credential(self, name: str) -> None:
        """Delete a credential; raises NotFound(credential_unknown)."""
        async with self._store.write() as connection:
            if not await records.remove_credential(connection, name):
                raise _unknown(name)

    async def login(self, credential: str, url: str) -> Login:
        """Return a stored credential for the host of `url`.

        Raises NotFound(credential_unknown), Refused(credential_host) when it belongs to another host.
        """
        async with self._store.read() as connection:
            row = await records.credential(connection, credential)
        if row is None:
            raise _unknown(credential)
        if host_of(url) != row.host:
            raise Refused(
                "credential_host",
                f"cannot use the credential {credential} for {host_of(url) or 'a file'}: it is for {row.host}",
                field="credential",
            )
        return Login(row.username, open_credential(self._sealer, row.host, row.name, row.sealed))

    def _open(self, project_id: str, row: Row[Any]) -> str:
        return self._sealer.open(row.sealed, *variable_place(project_id, row.name, secret=row.secret))


def open_secret_variable(sealer: Sealer, project_id: str, name: str, sealed: bytes) -> str:
    """Return the value of a secret variable; raises what `Sealer.open` raises."""
    return sealer.open(sealed, *variable_place(project_id, name, secret=True))


def open_credential(sealer: Sealer, host: str, name: str, sealed: bytes) -> str:
    """Return the secret of a credential; raises what `Sealer.open` raises."""
    return sealer.open(sealed, *credential_place(host, name))


def variable_place(project_id: str, name: str, *, secret: bool) -> tuple[str, ...]:
    """Return what the value of a variable is bound to."""
    return _VARIABLE, project_id, "secret" if secret else "plain", name


def credential_place(host: str, name: str) -> tuple[str, ...]:
    """Return what the secret of a credential is bound to."""
    return _CREDENTIAL, host, name


def _credential(row: Row[Any]) -> Credential:
    created = datetime.fromtimestamp(row.created, UTC)
    return Credential(name=row.name, host=row.host, username=row.username, created_at=created)


def _unknown(name: str) -> NotFound:
    return NotFound("credential_unknown", f"cannot find the credential {name[:64]!r}", field="credential")
