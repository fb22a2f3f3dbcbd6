"""What an operator may change: one row a setting, with its default, limits, door and way to take effect.

`schemas/att.schema.json` is generated from here (`make generate`). Each setting is `section.name` in att.yaml and
`ATT_SECTION_NAME` in the environment.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

EGRESS_ENTRY = (
    r"^(\*|[a-z0-9][a-z0-9_-]{0,63})=(\*\.)?[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63}){1,8}"
    r"(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?$"
)
BACKUP_FILES = "att-backup-*.attbk"
"""Which files in a folder of backups are one."""
BACKUP_FOLDER = r"^/(mnt|media|srv|var/lib/att/backups)(/[^\x00-\x1f]{1,500})?$"
RESTART_API = "restart:att-api"
LEVELS = ("debug", "info", "warning", "error")
LOGGING = ("api", "router", "egress")
"""Services whose level can be set; each is a setting of the section `log`."""


def setting(
    default: object,
    description: str,
    *,
    reload: str = "live",
    door: Literal["ssh"] | None = None,
    env: tuple[str, ...] = (),
    **limits: Any,
) -> Any:
    """Return the pydantic field of one setting.

    `reload` is `live` or `restart:<unit>`; `door="ssh"` is taken from an operator alone; `env` lists names of
    environment variables that are accepted beside `ATT_SECTION_NAME`; `limits` are pydantic's (`ge`, `max_length`, …).
    """
    extra: dict[str, Any] = {"reload": reload}
    if door:
        extra["door"] = door
    if env:
        extra["env"] = list(env)
    return Field(default, description=description, json_schema_extra=extra, **limits)


class Section(BaseModel):
    """A group of settings; unknown names are refused and values are never converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


_OwnLevel = Literal["inherit", "debug", "info", "warning", "error"]


class Log(Section):
    """What the services write to the journal."""

    level: Literal["debug", "info", "warning", "error"] = setting("info", "Least severe level that is written")
    api: _OwnLevel = setting("inherit", "Another level for the API; `inherit`: as `level`")
    router: _OwnLevel = setting("inherit", "Another level for the LLM gateway")
    egress: _OwnLevel = setting("inherit", "Another level for the way out of projects")

    def level_of(self, service: str) -> str:
        """Return the level that holds for one of `LOGGING`."""
        own = {"api": self.api, "router": self.router, "egress": self.egress}[service]
        return self.level if own == "inherit" else own


class Api(Section):
    """The API service: hosts, foreign pages, rate limits."""

    allowed_hosts: list[str] = setting(
        ["*"],
        "Host names the appliance answers to, `*` for any; `*.example.org` takes in all below it",
        min_length=1,
        max_length=64,
    )
    cors_origins: list[str] = setting(
        [], "Origins of foreign web pages that may call the API, e.g. `https://tools.example.org`", max_length=64
    )
    requests_per_minute: int = setting(6_000, "Requests a minute of one token or address", ge=60, le=1_000_000)


class Disk(Section):
    """When the disk counts as full: its blocks or its inodes, whichever are nearer their end."""

    warn_percent: int = setting(85, "Used percent from which status is degraded", ge=1, le=99)
    limit_percent: int = setting(
        95,
        "Used percent from which status is error and ATT only reads: what needs room is refused until it is 2 less",
        ge=2,
        le=100,
    )
    free_mb_min: int = setting(256, "Free megabytes below which status is degraded", ge=0, le=1_000_000_000)


class Upgrade(Section):
    """Upgrades of the appliance itself."""

    approval: Literal["required", "auto"] = setting(
        "required",
        "Whether a change of the appliance by itself waits for a person; `auto` lets every change that passes its "
        "checks become the running release, as root, but for one that changes what judges changes or loses tests",
        door="ssh",
    )
    context: Literal["appliance", "production"] = setting(
        "appliance",
        "What the rollback policy takes this machine for; on `production` a rollback that somebody asks for needs an "
        "explicit override. What fails is rolled back by itself on either",
        door="ssh",
    )


class Audit(Section):
    """The API's audit table; what root does is in /var/log/att/audit.log, of which the newest 100 MB stay."""

    keep_days: int = setting(400, "Days an audit record is kept", ge=30, le=3_650, reload=RESTART_API)


class Retention(Section):
    """How long finished work stays."""

    days: int = setting(30, "Days a finished job and its log are kept", ge=1, le=3_650, reload=RESTART_API)


class Jobs(Section):
    """Long work."""

    running_max: int = setting(4, "Jobs that run at once; others wait", ge=1, le=64, reload=RESTART_API)


class Projects(Section):
    """Projects: the NAT apps that are developed here."""

    quota_bytes: int = setting(
        2_147_483_648,
        "Bytes on disk that the files of one project may take",
        ge=16_777_216,
        le=1_099_511_627_776,
    )


class Egress(Section):
    """What projects may reach on the internet; without an entry a project reaches nothing."""

    allow: list[Annotated[str, Field(pattern=EGRESS_ENTRY, max_length=300)]] = setting(
        [],
        "Hosts that a project may reach, `PROJECT=HOST` each: `weather=api.example.org` at the ports 443 and 22, "
        "`weather=*.example.org` all hosts below it, `weather=git.example.org:8443` another port, `*=pypi.org` every "
        "project. PROJECT is its short name or its id. Private and local addresses are never reached",
        max_length=1_024,
        door="ssh",
    )


class Backup(Section):
    """Backups that are made without a person. The file is encrypted: keep what `attctl backup key` prints elsewhere."""

    schedule: Literal["off", "daily", "weekly"] = setting(
        "off",
        "How often a backup is made by itself. Off until somebody says where to: on the appliance's own disk it takes "
        "space and is lost with it",
        door="ssh",
    )
    keep: int = setting(7, "How many backups of this appliance stay in the folder", ge=1, le=1_000, door="ssh")
    folder: str = setting(
        "/var/lib/att/backups",
        "Folder that scheduled backups are written to: below /mnt, /media or /srv, where another machine's disk is "
        "mounted, or this one on the appliance's own",
        pattern=BACKUP_FOLDER,
        door="ssh",
    )


class Settings(Section):
    """All settings of the appliance."""

    log: Log = Log()
    api: Api = Api()
    disk: Disk = Disk()
    upgrade: Upgrade = Upgrade()
    audit: Audit = Audit()
    retention: Retention = Retention()
    jobs: Jobs = Jobs()
    projects: Projects = Projects()
    egress: Egress = Egress()
    backup: Backup = Backup()
