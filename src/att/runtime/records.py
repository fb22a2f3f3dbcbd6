"""The table of apps, as values."""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, delete, select
from sqlalchemy.dialects.sqlite import insert

from att.runtime.decision import Desired
from att.runtime.schema import Fault, Policy
from att.runtime.tables import apps
from att.store.connection import Connection


@dataclass(frozen=True)
class App:
    """What is wanted of one project's app. `next_start` is when an app that ended is started again."""

    project_id: str
    desired: Desired
    task_id: str
    config: str | None
    port: int
    pinned: bool = False
    policy: Policy = Policy.ON_FAILURE
    autostart: bool = True
    restarts: int = 0
    failures: int = 0
    next_start: float | None = None
    fault: Fault | None = None
    changed: float = 0.0

    def with_changes(self, **values: Any) -> "App":
        """Return a copy with other values."""
        return replace(self, **values)


async def find(connection: Connection, project_id: str) -> App | None:
    """Return a project's app, None when it was never started."""
    row = (await connection.execute(select(apps).where(apps.c.project_id == project_id))).one_or_none()
    return None if row is None else _app(row)


async def everyone(connection: Connection) -> list[App]:
    """Return all apps."""
    return [_app(row) for row in await connection.execute(select(apps).order_by(apps.c.project_id))]


async def wanted(connection: Connection) -> list[App]:
    """Return the apps that are to be kept running."""
    found = await connection.execute(select(apps).where(apps.c.desired == Desired.RUNNING.value))
    return [_app(row) for row in found]


async def put(connection: Connection, app: App) -> None:
    """Write an app, whether it was there or not."""
    values = {
        **{name: getattr(app, name) for name in apps.c.keys()},  # noqa: SIM118 - a collection of columns, no mapping
        "desired": app.desired.value,
        "policy": app.policy.value,
        "fault": app.fault.model_dump(mode="json") if app.fault else None,
    }
    statement = insert(apps).values(values)
    changes = {name: value for name, value in values.items() if name != "project_id"}
    await connection.execute(statement.on_conflict_do_update(index_elements=["project_id"], set_=changes))


async def remove(connection: Connection, project_id: str) -> None:
    """Forget a project's app."""
    await connection.execute(delete(apps).where(apps.c.project_id == project_id))


def _app(row: Row[Any]) -> App:
    values = dict(row._mapping)
    return App(
        **{
            **values,
            "desired": Desired(values["desired"]),
            "policy": Policy(values["policy"]),
            "fault": Fault.model_validate(values["fault"]) if values["fault"] else None,
        }
    )
