"""Reads and writes the rows of pull requests, what is said of them, and policies."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update

from att.forge.schema import Approval, Comment, Policy, PullRequest, PullState, url_of
from att.forge.tables import forge_policies, pr_approvals, pr_comments, pull_requests, remotes
from att.kernel.ids import new_id
from att.kernel.operation import Caller
from att.store.connection import Connection

LIVE = (PullState.OPEN.value, PullState.MERGING.value)
COMMENTS_MAX = 1_000


async def add(
    connection: Connection,
    project_id: str,
    caller: Caller,
    *,
    head: str,
    base: str,
    title: str,
    body: str,
    head_commit: str,
    base_commit: str,
    now: float,
) -> PullRequest:
    """Store an open pull request under the project's next number."""
    last: int | None = (
        await connection.execute(
            select(func.max(pull_requests.c.number)).where(pull_requests.c.project_id == project_id)
        )
    ).scalar_one()
    number = (last or 0) + 1
    await connection.execute(
        insert(pull_requests).values(
            id=new_id("pr"),
            project_id=project_id,
            number=number,
            title=title,
            body=body,
            head=head,
            base=base,
            state=PullState.OPEN.value,
            author_id=caller.id,
            author=caller.name,
            head_commit=head_commit,
            base_commit=base_commit,
            created=now,
            updated=now,
        )
    )
    query = select(pull_requests).where(pull_requests.c.project_id == project_id, pull_requests.c.number == number)
    return _pull((await connection.execute(query)).one())


async def one(connection: Connection, project_id: str, number: int) -> PullRequest | None:
    """Return one pull request."""
    query = select(pull_requests).where(pull_requests.c.project_id == project_id, pull_requests.c.number == number)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _pull(row)


async def page(
    connection: Connection, project_id: str, *, state: PullState | None, limit: int, before: int | None
) -> list[PullRequest]:
    """Return pull requests, the newest first."""
    query = select(pull_requests).where(pull_requests.c.project_id == project_id)
    if state is not None:
        query = query.where(pull_requests.c.state == state.value)
    if before is not None:
        query = query.where(pull_requests.c.number < before)
    query = query.order_by(pull_requests.c.number.desc()).limit(limit)
    return [_pull(row) for row in await connection.execute(query)]


async def live(connection: Connection, project_id: str | None = None) -> list[PullRequest]:
    """Return what may still be merged, of one project or of all."""
    query = select(pull_requests).where(pull_requests.c.state.in_(LIVE))
    if project_id is not None:
        query = query.where(pull_requests.c.project_id == project_id)
    return [_pull(row) for row in await connection.execute(query.order_by(pull_requests.c.seq))]


async def change(connection: Connection, pull_id: str, *, only: PullState | None = None, **values: Any) -> bool:
    """Set columns of a pull request, `only` if it is in that state; whether it was."""
    statement = update(pull_requests).where(pull_requests.c.id == pull_id)
    if only is not None:
        statement = statement.where(pull_requests.c.state == only.value)
    return (await connection.execute(statement.values(**values))).rowcount > 0


async def add_comment(
    connection: Connection,
    pull: PullRequest,
    caller: Caller,
    *,
    body: str,
    path: str | None,
    line: int | None,
    now: float,
) -> Comment:
    """Store a remark on the head as it is now."""
    comment_id = new_id("cmt")
    await connection.execute(
        insert(pr_comments).values(
            id=comment_id,
            pull_request_id=pull.id,
            author_id=caller.id,
            author=caller.name,
            body=body,
            path=path,
            line=line,
            commit=pull.head_commit,
            created=now,
        )
    )
    row = (await connection.execute(select(pr_comments).where(pr_comments.c.id == comment_id))).one()
    return _comment(row)


async def comments(connection: Connection, pull_id: str) -> list[Comment]:
    """Return remarks, the oldest first."""
    query = select(pr_comments).where(pr_comments.c.pull_request_id == pull_id).order_by(pr_comments.c.seq)
    return [_comment(row) for row in await connection.execute(query.limit(COMMENTS_MAX))]


async def approve(connection: Connection, pull: PullRequest, caller: Caller, now: float) -> None:
    """Store a yes to the head as it is now; a second one changes nothing."""
    known = select(pr_approvals).where(
        pr_approvals.c.pull_request_id == pull.id,
        pr_approvals.c.approver_id == caller.id,
        pr_approvals.c.commit == pull.head_commit,
    )
    if (await connection.execute(known)).one_or_none() is None:
        await connection.execute(
            insert(pr_approvals).values(
                pull_request_id=pull.id,
                approver_id=caller.id,
                commit=pull.head_commit,
                approver=caller.name,
                created=now,
            )
        )


async def approvals(connection: Connection, pull: PullRequest) -> list[Approval]:
    """Return what was approved, the oldest first."""
    query = select(pr_approvals).where(pr_approvals.c.pull_request_id == pull.id).order_by(pr_approvals.c.created)
    return [
        Approval(
            approver=row.approver,
            approver_id=row.approver_id,
            commit=row.commit,
            current=row.commit == pull.head_commit,
            time=moment(row.created),
        )
        for row in await connection.execute(query)
    ]


async def policy(connection: Connection, project_id: str) -> Policy:
    """Return a project's rules, the default where none were set."""
    query = select(forge_policies.c.policy).where(forge_policies.c.project_id == project_id)
    found = (await connection.execute(query)).scalar_one_or_none()
    return Policy() if found is None else Policy.model_validate(found)


async def set_policy(connection: Connection, project_id: str, rules: Policy) -> None:
    """Replace a project's rules."""
    await connection.execute(delete(forge_policies).where(forge_policies.c.project_id == project_id))
    values = {"project_id": project_id, "policy": rules.model_dump(mode="json")}
    await connection.execute(insert(forge_policies).values(**values))


async def forget(connection: Connection, project_id: str) -> None:
    """Remove everything of a project."""
    for table in (pull_requests, forge_policies, remotes):
        await connection.execute(delete(table).where(table.c.project_id == project_id))


def _pull(row: Row[Any]) -> PullRequest:
    return PullRequest(
        id=row.id,
        project_id=row.project_id,
        number=row.number,
        url=url_of(row.project_id, row.number),
        title=row.title,
        body=row.body,
        head=row.head,
        base=row.base,
        state=PullState(row.state),
        author=row.author,
        author_id=row.author_id,
        head_commit=row.head_commit,
        base_commit=row.base_commit,
        merge_commit=row.merge_commit,
        merged_by=row.merged_by,
        created=moment(row.created),
        updated=moment(row.updated),
        ended=moment_or_none(row.ended),
    )


def _comment(row: Row[Any]) -> Comment:
    return Comment(
        id=row.id,
        author=row.author,
        author_id=row.author_id,
        body=row.body,
        path=row.path,
        line=row.line,
        commit=row.commit,
        time=moment(row.created),
    )


def moment(seconds: float) -> datetime:
    """Return a stored time."""
    return datetime.fromtimestamp(seconds, UTC)


def moment_or_none(seconds: float | None) -> datetime | None:
    """Return a stored time that may be missing."""
    return None if seconds is None else moment(seconds)
