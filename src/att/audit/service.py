"""Records who did what and lists it."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from att.audit.schema import AuditListRequest, AuditPage
from att.kernel.operation import Caller
from att.store.service import Store


class Audit:
    """The platform's audit table."""

    def __init__(self, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        raise NotImplementedError

    async def record(
        self,
        caller: Caller | None,
        operation: str,
        request: BaseModel | Mapping[str, Any],
        outcome: str,
        request_id: str,
        *,
        peer: str = "",
    ) -> None:
        """Record one action durably; never raises because writes are fenced, so an answer is never lost for it.

        `request` is stored without secrets: SecretStr values and fields named like key, token, secret, password.
        `caller` None is somebody who is not signed in.
        """
        raise NotImplementedError

    async def list(self, request: AuditListRequest) -> AuditPage:
        """Return a page of records, newest first."""
        raise NotImplementedError
