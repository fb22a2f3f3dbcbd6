"""Rotates keys: all files first, then the services that hold them, then what the former keys had sealed."""

from collections.abc import Mapping, Sequence

from att.kernel.errors import InvalidInput
from att.secrets.rotation.decision import Plan, Unknown, planned
from att.secrets.rotation.ports import Secret, Services
from att.secrets.rotation.schema import Rotated, RotationShown


class RotationService:
    """The keys of one appliance; `elsewhere` says how those are replaced that are not among them."""

    def __init__(self, secrets: Sequence[Secret], services: Services, elsewhere: Mapping[str, str]) -> None:
        self._secrets = {one.name: one for one in secrets}
        self._services = services
        self._elsewhere = elsewhere

    def plan(self, names: Sequence[str]) -> RotationShown:
        """Return what `rotate` would do. Raises InvalidInput(secret_unknown)."""
        return self._shown(self._planned(names), done=False)

    def rotate(self, names: Sequence[str]) -> RotationShown:
        """Put another key in the place of each; done again after an interruption it goes on where it was.

        Raises InvalidInput(secret_unknown), Conflict(upgrade_running), Failed when a service does not come back.
        """
        plan = self._planned(names)
        shown = self._shown(plan, done=True)
        with self._services.alone():
            for name in plan.names:
                self._secrets[name].begin(self._secrets[name].file)
            for unit in plan.restarts:
                self._services.restart(unit)
            for one in shown.secrets:
                one.resealed, warnings = self._secrets[one.name].end()
                shown.warnings += warnings
        return shown

    def _planned(self, names: Sequence[str]) -> Plan:
        there = frozenset(name for name, one in self._secrets.items() if one.file.exists())
        plan = planned(names, {name: one.unit for name, one in self._secrets.items()}, there)
        if isinstance(plan, Unknown):
            meant = f", did you mean {plan.meant}?" if plan.meant else ""
            raise InvalidInput("secret_unknown", f"cannot rotate {plan.name}: no such secret{meant}", field="name")
        return plan

    def _shown(self, plan: Plan, *, done: bool) -> RotationShown:
        secrets = [self._secrets[name] for name in plan.names]
        return RotationShown(
            done=done,
            secrets=[
                Rotated(
                    name=one.name,
                    what=one.what,
                    file=str(one.file),
                    restarts=one.unit,
                    reread=one.reread,
                    ends=one.ends,
                    under_way=not done and one.under_way(one.file),
                )
                for one in secrets
            ],
            restarts=list(plan.restarts),
            warnings=[],
            elsewhere=dict(self._elsewhere),
        )
