"""Projects, their sealed variables, stored credentials."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
CLASS = "additive"
MIN_READER = 1


def upgrade() -> None:
    op.create_table(
        "projects",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("slug", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("phase", sa.String, nullable=False),
        sa.Column("detail", sa.String, nullable=False),
        sa.Column("template", sa.String),
        sa.Column("template_version", sa.String),
        sa.Column("remote_url", sa.String),
        sa.Column("credential", sa.String),
        sa.Column("slot", sa.Integer),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("job_id", sa.String),
        sa.Column("created", sa.Float, nullable=False),
        sa.Column("updated", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_projects"),
        sa.UniqueConstraint("slug", name="uq_projects_slug"),
        sa.UniqueConstraint("slot", name="uq_projects_slot"),
    )
    op.create_table(
        "project_variables",
        sa.Column("project_id", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("secret", sa.Boolean, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("updated", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("project_id", "name", name="pk_project_variables"),
        sa.ForeignKeyConstraint(
            ["project_id"], ["projects.id"], name="fk_project_variables_project_id_projects", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "credentials",
        sa.Column("name", sa.String, nullable=False),
        sa.Column("host", sa.String, nullable=False),
        sa.Column("username", sa.String, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_credentials"),
    )
