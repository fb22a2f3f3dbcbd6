"""Shows and sets the log levels, which are settings: the services take them up by themselves."""

from att.appliance import Facts
from att.config.edit import with_setting
from att.config.settings import LEVELS, LOGGING, Log
from att.config.store import apply, current_text, holding
from att.kernel.errors import InvalidInput
from att.machine.log.schema import LogLevel, LogLevels


class LogLevelService:
    """The levels in the settings file of one appliance."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def show(self, service: str | None = None) -> LogLevels:
        """Return the level of each service, or of one."""
        return LogLevels(changed=False, items=self._items(service))

    def set(self, service: str | None, level: str) -> LogLevels:
        """Set the level of a service, of all that have none of their own without one.

        Raises InvalidInput (`invalid_input`, `config_uneditable`), Conflict("file_changed").
        """
        allowed = LEVELS if service is None else (*LEVELS, "inherit")
        if level not in allowed:
            raise InvalidInput(
                "invalid_input", f"cannot set the level {level}: it is one of {', '.join(allowed)}", field="level"
            )
        self._items(service)
        text = current_text(self._facts.paths.config)
        applied = apply(with_setting(text, "log", service or "level", level), self._facts, "ssh", instead_of=text)
        return LogLevels(changed=applied.changed, items=self._items(service))

    def _items(self, service: str | None) -> list[LogLevel]:
        if service is not None and service not in LOGGING:
            raise InvalidInput(
                "invalid_input",
                f"cannot set the level of {service}: those with one are {', '.join(LOGGING)}",
                field="service",
            )
        log = Log.model_validate(holding(self._facts.paths.config).values["log"])
        return [
            LogLevel(
                service=one,
                level=log.level_of(one),
                origin="log.level" if getattr(log, one) == "inherit" else f"log.{one}",
            )
            for one in LOGGING
            if service in (None, one)
        ]
