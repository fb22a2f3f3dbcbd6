"""Which units a release brings, and what has to be stopped, started and asserted when the release changes."""

from att_stage0.layout import API, ENGINE, Layout
from att_stage0.units import FENCE
from att_stage0.world import World


def carried(layout: Layout, release: str) -> tuple[str, ...]:
    """The names of all `.service` files of a release, templates included."""
    return tuple(sorted(path.name for path in (layout.release(release) / "systemd").glob("*.service")))


def running(layout: Layout, release: str) -> tuple[str, ...]:
    """The services of a release that are restarted with it: no templates, and never the engine, which outlives them."""
    return tuple(name for name in carried(layout, release) if "@" not in name and name != f"{ENGINE}.service")


def at_boot(layout: Layout, release: str) -> tuple[str, ...]:
    """The services that start with the machine: the API, for which people wait, and what no socket would start."""
    asked = frozenset(layout.sockets().values()) - {f"{API}.service"}
    return tuple(name for name in running(layout, release) if name not in asked)


def sockets(layout: Layout, release: str) -> tuple[str, ...]:
    """The sockets whose service the release carries: no other may listen."""
    have = carried(layout, release)
    return tuple(name for name, service in layout.sockets().items() if service in have)


def stop_surplus(world: World, *, coming: str, going: str) -> None:
    """Stop what the coming release lacks, by name, while the manager still knows it."""
    stays = carried(world.layout, coming)
    surplus = [name for name in running(world.layout, going) if name not in stays]
    listening = [name for name, service in world.layout.sockets().items() if service in surplus]
    if surplus:
        world.before_effect("stop surplus units")
        world.units.stop([*listening, *surplus])


def assert_sockets(world: World, release: str) -> None:
    """See that every socket of the release listens; one that does is left alone."""
    names = sockets(world.layout, release)
    failed = [name for name in names if world.units.state(name).active == "failed"]
    if failed:
        world.units.reset_failed(failed)
    missing = [name for name in names if world.units.state(name).active != "active"]
    if missing:
        world.before_effect("start sockets")
        world.units.start(missing)


def drop_lock(world: World) -> None:
    """Stop the helper that holds the former database's write lock; it outlives an engine that dies."""
    if world.units.state(FENCE).active not in ("inactive", "failed"):
        world.before_effect("drop the write lock")
        world.units.stop([FENCE])


def drop_fence(world: World) -> None:
    """Let all writes go on: the lock of the former database, and the file that fences every database."""
    drop_lock(world)
    world.unlink(world.layout.fence)
