"""`attctl log level`: how much the services write."""

import click

from att.surfaces.cli.failure import OK
from att.surfaces.cli.tree import leaf

_LEVELS = ("debug", "info", "warning", "error", "inherit")


def level() -> click.Command:
    """Edits the settings file in place: when the API is what one wants to hear more of, it may not answer."""

    def act(words: tuple[str, ...]) -> int:
        from att.appliance import facts
        from att.kernel.errors import InvalidInput
        from att.machine.audit.record import audit
        from att.machine.log.service import LogLevelService
        from att.surfaces.cli.machine import said
        from att.surfaces.cli.root import become_root, who

        if len(words) > 2:
            raise InvalidInput("invalid_input", "cannot set more than the level of one service", field="words")
        wanted = words[-1] if words and words[-1] in _LEVELS else None
        service = words[0] if words and (len(words) == 2 or wanted is None) else None
        if len(words) == 2 and wanted is None:
            raise InvalidInput(
                "invalid_input", f"cannot set the level {words[1]}: it is one of {', '.join(_LEVELS)}", field="level"
            )
        if wanted is None:
            said.show(LogLevelService(facts()).show(service))
            return OK
        become_root("set the log level")
        done = LogLevelService(facts()).set(service, wanted)
        if done.changed:
            audit(facts(), "log.level", who(), service=service or "all", level=wanted)
        said.show(done)
        return OK

    return leaf(
        "level",
        act,
        "Show how much the services write to the journal, or set it; holds within 5 s",
        "attctl log level router debug",
        [click.Argument(["words"], nargs=-1, metavar="[SERVICE] [LEVEL]")],
        "\n\n\b\nArguments:\n  SERVICE  api, router or egress; without one all that have no level of their own"
        "\n  LEVEL    debug, info, warning, error; inherit: as all others",
    )
