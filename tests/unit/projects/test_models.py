"""The project as it crosses the wire."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from att.kernel.ids import new_id
from att.projects.decision import TRANSITIONS, ProjectStatus, may_become
from att.projects.schema import Origin, Project

MOMENT = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
VALUES = {
    "id": "prj_4t0q9zv7m3c8x1ka",
    "name": "My Bot",
    "slug": "my-bot",
    "status": "created",
    "origin": "template",
    "template": "chatbot 1.0.0",
    "git_remote": "/git/my-bot.git",
    "nat_config_path": "configs/config.yml",
    "created_at": "2026-11-21T14:00:00Z",
    "updated_at": "2026-11-21T14:00:00Z",
}
texts = st.text(max_size=60)
moments = st.datetimes(timezones=st.just(UTC))
any_project = st.builds(
    Project,
    id=texts,
    name=texts,
    slug=texts,
    status=st.sampled_from(ProjectStatus),
    detail=texts,
    origin=st.sampled_from(Origin),
    template=st.none() | texts,
    upstream=st.none() | texts,
    git_remote=texts,
    nat_config_path=texts,
    created_at=moments,
    updated_at=moments,
)


def test_project_model_serialization() -> None:
    project = Project.model_validate(VALUES)
    assert project.model_dump(mode="json", exclude_none=True) == {**VALUES, "detail": ""}


def test_project_model_deserialization() -> None:
    project = Project.model_validate(VALUES)
    assert (project.status, project.origin, project.created_at) == (ProjectStatus.CREATED, Origin.TEMPLATE, MOMENT)


@pytest.mark.parametrize(
    ("field", "value"), [("status", "asleep"), ("origin", "air"), ("created_at", "yesterday"), ("name", None)]
)
def test_project_model_validation_rejects_invalid(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        Project.model_validate({**VALUES, field: value})


def test_project_status_enum_complete() -> None:
    assert {status.value for status in ProjectStatus} == {"created", "cloned", "running", "stopped", "error"}


def test_project_status_transition_validation() -> None:
    for now in ProjectStatus:
        allowed = {then for then in ProjectStatus if may_become(now, then)}
        assert allowed == TRANSITIONS[now] | {now}


@given(any_project)
def test_project_roundtrip_serialization(project: Project) -> None:
    assert Project.model_validate_json(project.model_dump_json()) == project


def test_project_id_always_unique() -> None:
    assert len({new_id("prj") for _ in range(50_000)}) == 50_000
