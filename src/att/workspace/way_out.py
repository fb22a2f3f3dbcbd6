"""Gives tasks the grant with which the way out knows their project, where the policy names the project at all."""

import os
from collections.abc import Callable, Sequence

from att.egress.decision import Client, Target, allowances, allowed_to, how_to_allow, refusal
from att.egress.grants import Grants
from att.kernel.errors import Forbidden
from att.workspace.place import Place
from att.workspace.schema import TaskKind, TaskSpec


class WayOut:
    """`entries` gives the setting `egress.allow` as it is now."""

    def __init__(self, grants: Grants, entries: Callable[[], Sequence[str]]) -> None:
        self._grants = grants
        self._entries = entries

    def granted(self, place: Place, spec: TaskSpec) -> TaskSpec:
        """Return the task with its project's grant; as it is where the project may reach nothing, or for an agent."""
        client = client_of(place)
        if spec.kind is TaskKind.AGENT or not allowed_to(client, allowances(self._entries())):
            return spec
        uid = os.getuid() if place.uid is None else place.uid
        return spec.model_copy(update={"grant": self._grants.grant(client, uid, spec.timeout_seconds)})

    def require(self, place: Place, target: Target) -> None:
        """Raise Forbidden(egress_denied), with what an operator does, where the project may not reach the target."""
        client = client_of(place)
        found = refusal(client, target, allowances(self._entries()))
        if found is not None:
            raise Forbidden("egress_denied", found.detail, hint=how_to_allow(client, target))


def client_of(place: Place) -> Client:
    """Return how the policy knows a project."""
    return Client(place.project_id, place.slug)
