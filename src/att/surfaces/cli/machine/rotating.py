"""Which keys of the appliance's own are rotated, by which room, and the services that hold them."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from att.appliance import Facts
from att.backup.machine import world_of
from att.backup.places import restore_folders
from att.backup.switching import demand_whole
from att.backup.turns import turn
from att.effects import sealing_keys, signing_keys
from att.effects.processes import run
from att.egress import grants
from att.kernel.errors import Conflict, Failed, Unavailable
from att.projects import sealed
from att.projects.resealing import reseal
from att.router import keys, providers
from att.runtime import local_login
from att.secrets.rotation.ports import Secret, Services
from att_stage0.world import Busy

API, ROUTER, LAUNCHER = "att-api", "att-router", "att-launcher"
RESTART_SECONDS_MAX = 200.0
ELSEWHERE = {
    "certificate of the appliance port": "attctl tls install",
    "keys of the SSH door": "attctl ssh-key",
    "admin tokens": "attctl token reset-admin; others: attctl token revoke",
    "signed-in sessions": "attctl sessions purge",
    "recovery key of backups": "none: whoever replaces it can open no backup that was made before",
    "key that signs releases made here": "none: releases and backups that it signed are known by it",
}
_RESTART_APPS = "apps that run keep the former key: attctl runtime restart PROJECT"


class Manager:
    """The service manager, and whoever else changes the appliance."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def restart(self, unit: str) -> None:
        """See `Services`: `Type=notify` says when it is ready."""
        done = run(["systemctl", "restart", f"{unit}.service"], timeout_seconds=RESTART_SECONDS_MAX)
        if not done.ok:
            raise _unfinished(f"{unit} does not start again: {done.errors.strip() or 'it takes too long'}", unit)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """See `Services`."""
        world = world_of(self._facts)
        try:
            with turn(self._facts.paths.run, alone=True), world.lock():
                demand_whole(restore_folders(self._facts), "rotate secrets")
                newest = world.transaction()
                if newest is not None and not newest.finished:
                    raise Conflict("upgrade_running", f"cannot rotate secrets: {newest.id} is not finished")
                yield
        except Busy as error:
            raise Conflict("upgrade_running", "cannot rotate secrets: an upgrade is running") from error


def secrets_of(facts: Facts, manager: Services) -> tuple[Secret, ...]:
    """Return every key that can be rotated."""
    api, state = facts.paths.api_state, facts.paths.state
    sealing, keeping = facts.paths.secrets / sealed.KEY_FILE, state / providers.STATE_FOLDER / providers.KEY_FILE
    return (
        Secret(
            name="local-login",
            what="signs the tokens that attctl gets at the SSH door",
            file=state / "launcher" / local_login.KEY_FILE,
            unit=LAUNCHER,
            reread="att-api reads the public half at each use",
            ends="tokens of the SSH door, which last 5 minutes anyway",
            begin=signing_keys.renew,
        ),
        Secret(
            name="router",
            what="signs the keys with which the LLM gateway is used",
            file=api / keys.KEY_FILE,
            unit=API,
            reread="att-router reads the public half when it changes",
            ends="the keys of apps and tests that run, and those that `attctl models key` made",
            begin=signing_keys.renew,
            end=lambda: (0, [f"gateway: {_RESTART_APPS}", "keys made before: make others with attctl models key"]),
        ),
        Secret(
            name="egress",
            what="signs what projects show at the way out",
            file=api / grants.KEY_FILE,
            unit=API,
            reread="att-egress reads the public half when it changes",
            ends="the grants of apps and tests that run",
            begin=signing_keys.renew,
            end=lambda: (0, [f"way out: {_RESTART_APPS}"]),
        ),
        Secret(
            name="sealing",
            what="seals variables and credentials of projects in the database",
            file=sealing,
            unit=API,
            reread="nobody",
            ends="nothing: what it sealed is sealed again with the new key",
            begin=_begun,
            end=partial(_sealed_again, facts, manager),
            under_way=_under_way,
        ),
        Secret(
            name="providers",
            what="seals the keys of LLM providers",
            file=keeping,
            unit=ROUTER,
            reread="nobody",
            ends="nothing: what it sealed is sealed again with the new key",
            begin=_begun,
            end=partial(_providers_sealed_again, facts),
            under_way=_under_way,
        ),
    )


def _begun(path: Path) -> None:
    with _keys_told():
        sealing_keys.begin(path)


def _under_way(path: Path) -> bool:
    with _keys_told():
        return sealing_keys.under_way(path)


@contextmanager
def _keys_told() -> Iterator[None]:
    try:
        yield
    except sealing_keys.NoKey as error:
        raise Unavailable("sealing_key_missing", f"cannot rotate secrets: {error}") from error


def _sealed_again(facts: Facts, manager: Services) -> tuple[int, list[str]]:
    """Also in the databases kept for a rollback; the API starts once more to forget the former key."""
    key, user = facts.paths.secrets / sealed.KEY_FILE, facts.unit(API).user
    databases = [path for path in sorted(facts.paths.api_state.glob("db-*")) if path.is_dir()]
    done = [(path, reseal(path, key, user)) for path in databases]
    sealing_keys.end(key)
    manager.restart(API)
    broken = [
        f"{path.name}: {one.unreadable} secrets open with no key, as before" for path, one in done if one.unreadable
    ]
    live = facts.paths.api_database.resolve()
    return sum(one.rows for path, one in done if path.resolve() == live), broken


def _providers_sealed_again(facts: Facts) -> tuple[int, list[str]]:
    folder = facts.paths.state / providers.STATE_FOLDER
    if sealing_keys.under_way(folder / providers.KEY_FILE):
        raise _unfinished("att-router has not sealed its keys again", ROUTER)
    kept, done, broken = providers.Providers(folder), 0, []
    for provider in kept.all():
        try:
            done += kept.key(provider) is not None
        except Failed:
            broken.append(f"{provider.name}: its key opens with no key, as before: remove the provider, add it again")
    return done, broken


def _unfinished(why: str, unit: str) -> Failed:
    hint = f"see `journalctl -u {unit}`, then run the same again: it goes on where it was"
    return Failed("rotation_unfinished", f"cannot finish the rotation: {why}", hint=hint)
