"""The hand-written units, users and routes hold what appliance.toml says, and the rules that every unit obeys."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

from att.appliance import Unit, load_facts
from att.entrypoints.launcher import WORK_SECONDS_MAX
from att.upgrade.building.bench import RESULT_BYTES_MAX
from att.upgrade.building.launched import ANSWER_SECONDS, USER
from att.upgrade.building.store import ALL_BYTES_MAX
from att.upgrade.building.workshop import FOLDER
from att.workspace import launcher
from att.workspace.units import DROP_IN

ROOT = Path(__file__).parents[3]
FACTS = load_facts(ROOT / "appliance/appliance.toml")
IMAGE_UNITS = ROOT / "appliance/systemd"
RELEASE_UNITS = ROOT / "systemd"
# What must hold in every service: a line that is missing here is a hole that the score may not show.
HARDENING = {
    "NoNewPrivileges": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectControlGroups": "yes",
    "RestrictNamespaces": "yes",
    "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "SystemCallArchitectures": "native",
}

Settings = dict[str, list[str]]


def settings_of(path: Path) -> Settings:
    found: Settings = defaultdict(list)
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and line[0] not in "#;[":
            key, _, value = line.partition("=")
            found[key].append(value)
    return found


def sockets_of(unit: Unit) -> list[Path]:
    own = [IMAGE_UNITS / f"{unit.name}.socket"]
    return [*own, IMAGE_UNITS / "att-local.socket"] if unit.name == "att-launcher" else own


WITH_SOCKET = [unit for unit in FACTS.units if unit.socket]
SOCKETS = sorted(IMAGE_UNITS.glob("*.socket"))
SERVICES = sorted([*IMAGE_UNITS.glob("*.service"), *RELEASE_UNITS.glob("*.service")])
BUILD = RELEASE_UNITS / "att-build@.service"
TEMPLATES = sorted({*RELEASE_UNITS.glob("*@.service")} - {BUILD})
RELEASED = sorted({*RELEASE_UNITS.glob("*.service")} - {*TEMPLATES, BUILD})


@pytest.mark.parametrize("unit", WITH_SOCKET, ids=lambda unit: unit.name)
def test_the_image_listens_exactly_where_the_facts_say(unit: Unit) -> None:
    listens = [place for path in sockets_of(unit) for place in settings_of(path)["ListenStream"]]
    assert sorted(listens) == sorted(unit.listen)
    assert settings_of(sockets_of(unit)[0])["SocketGroup"] == [unit.socket_group]
    assert {mode for path in sockets_of(unit) for mode in settings_of(path)["SocketMode"]} == {unit.socket_mode}


def test_there_is_no_socket_that_the_facts_do_not_name() -> None:
    assert set(SOCKETS) == {path for unit in WITH_SOCKET for path in sockets_of(unit)}


@pytest.mark.parametrize("path", SOCKETS, ids=lambda path: path.name)
def test_no_limit_can_ever_take_a_socket_down(path: Path) -> None:
    found = settings_of(path)
    assert found["TriggerLimitIntervalSec"] == ["0"]
    assert found["PollLimitIntervalSec"] == ["0"]
    assert int(found["Backlog"][0]) >= 1024
    assert not [key for key in found if key.startswith(("Condition", "Assert"))]


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_every_service_is_hardened(path: Path) -> None:
    found = settings_of(path)
    if path.stem == "att-firstboot":
        # It shows the claim code on the console, the one device it may write.
        assert found["DeviceAllow"] == ["/dev/console w"]
        found["PrivateDevices"] = ["yes"] if found["DevicePolicy"] == ["closed"] else []
    assert {key: found[key] for key in HARDENING} == {key: [value] for key, value in HARDENING.items()}
    assert "CapabilityBoundingSet" in found
    # A condition that fails would fail the socket of the service too.
    with_socket = (IMAGE_UNITS / f"{path.stem}.socket").exists()
    assert not (with_socket and [key for key in found if key.startswith(("Condition", "Assert"))])


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.name)
def test_a_released_service_names_its_own_release_and_never_the_link(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "/opt/att/current" not in text
    assert settings_of(path)["ExecStart"][0].startswith("@RELEASE@/venv/bin/python -P -m att.entrypoints.")
    assert "@VERSION@" in settings_of(path)["Description"][0]


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.name)
def test_a_released_service_comes_back_for_ever_and_stops_in_time(path: Path) -> None:
    found = settings_of(path)
    assert found["Type"] == ["notify"]
    assert found["StartLimitIntervalSec"] == ["0"]
    assert found["Restart"] in (["always"], ["on-failure"])
    assert found["RestartSteps"]
    assert found["RestartMaxDelaySec"]
    assert found["TimeoutStopSec"] == ["10"]
    assert int(found["WatchdogSec"][0]) > 0
    assert f"{path.stem}.socket" in found["Requires"][0].split()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_what_runs_for_a_project_does_not_start_without_a_drop_in_nor_again_by_itself(path: Path) -> None:
    found = settings_of(path)
    assert found["User"] == ["att-p000"]
    assert found["ConditionPathExists"] == [f"/run/systemd/system/%n.d/{DROP_IN}"]
    assert found["ExecStart"] == ["@RELEASE@/venv/bin/python -P -m att.entrypoints.run"]
    assert found["PrivateNetwork"] == ["yes"]
    assert found["CapabilityBoundingSet"] == [""]
    assert found["Slice"] == ["att-apps.slice"]
    assert found["Restart"] == ["no"]
    assert "/var/lib/att:ro" in found["TemporaryFileSystem"][0]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_what_runs_for_a_project_meets_nobody_in_a_shared_folder_and_asks_no_name_server(path: Path) -> None:
    found = settings_of(path)
    assert "/dev/shm:mode=1777" in found["TemporaryFileSystem"]
    hidden = {one.removeprefix("-") for line in found["InaccessiblePaths"] for one in line.split()}
    assert {"/run/lock", "/run/systemd/resolve"} <= hidden
    assert (found["PrivateTmp"], found["PrivateIPC"]) == (["yes"], ["yes"])


def test_what_builds_att_reaches_its_own_folder_alone_and_nobody_else() -> None:
    found = settings_of(BUILD)
    assert found["User"] == found["Group"] == [USER]
    (bound,) = found["BindPaths"]
    source, _, target = bound.partition(":")
    assert source == f"{FACTS.paths.upgrade_state}/{FOLDER}/%i"
    assert found["ExecStart"] == [f"@RELEASE@/venv/bin/python -P -m att.entrypoints.build {target}"]
    assert "/var/lib/att:ro /run/att:ro" in found["TemporaryFileSystem"]
    assert (found["PrivateNetwork"], found["RestrictAddressFamilies"]) == (["yes"], ["none"])
    assert found["CapabilityBoundingSet"] == [""]
    hidden = {one.removeprefix("-") for line in found["InaccessiblePaths"] for one in line.split()}
    assert {"/etc/att", "/run/lock", "/run/systemd/resolve", "/run/dbus"} <= hidden


def test_what_builds_att_is_bounded_in_time_memory_and_disk_and_never_starts_by_itself() -> None:
    found = settings_of(BUILD)
    assert int(found["TimeoutStartSec"][0]) < launcher.BUILD_SECONDS < WORK_SECONDS_MAX < ANSWER_SECONDS
    assert found["Type"] == ["oneshot"]
    assert found["Restart"] == ["no"]
    assert found["LimitFSIZE"] == ["640M"]
    assert ALL_BYTES_MAX < RESULT_BYTES_MAX < 640 << 20
    assert {"MemoryMax", "MemorySwapMax", "TasksMax"} <= found.keys()
    assert "size=256M" in found["TemporaryFileSystem"][1]


def test_the_engine_reaches_the_launcher_which_builds_for_root_alone_and_no_other_door_of_it() -> None:
    found = settings_of(RELEASE_UNITS / "att-upgraded.service")
    hidden = {one.removeprefix("-") for line in found["InaccessiblePaths"] for one in line.split()}
    sockets = {str(path) for path in FACTS.unit("att-launcher").socket_paths}
    assert sockets - hidden == {"/run/att/launcher.sock"}


def test_of_all_apps_and_tasks_who_takes_most_memory_is_ended_before_the_machine_has_none() -> None:
    found = settings_of(IMAGE_UNITS / "att-apps.slice")
    assert int(found["MemoryMax"][0].removesuffix("%")) <= 80
    # To be above this one slows all of them down, those of other projects too.
    assert "MemoryHigh" not in found


@pytest.mark.parametrize("unit", FACTS.units, ids=lambda unit: unit.name)
def test_a_service_runs_as_the_user_of_the_facts_in_the_folder_of_its_owner(unit: Unit) -> None:
    path = (IMAGE_UNITS if unit.owner == "image" else RELEASE_UNITS) / f"{unit.name}.service"
    other = (RELEASE_UNITS if unit.owner == "image" else IMAGE_UNITS) / f"{unit.name}.service"
    assert not other.exists()
    if path.exists():
        assert settings_of(path).get("User", ["root"]) == [unit.user]
    else:
        assert unit.owner == "release"


def test_users_and_groups_of_the_facts_are_made_with_fixed_numbers() -> None:
    lines = [line.split(maxsplit=3) for line in (ROOT / "appliance/sysusers.d/att.conf").read_text().splitlines()]
    made = {words[1]: words[2] for words in lines if words and words[0] in ("u", "g")}
    assert all(number.isdigit() for number in made.values())
    assert len(set(made.values())) == len(made)
    wanted = {unit.user for unit in FACTS.units} - {"root", "www-data"}
    wanted |= set(FACTS.groups) | {f"att-p{number:03}" for number in range(FACTS.limits.projects_max)}
    assert wanted <= set(made)
    members = {(words[1], words[2]) for words in lines if words and words[0] == "m"}
    assert members == {(unit.user, group) for unit in FACTS.units for group in unit.groups}


def test_the_front_sends_every_route_of_the_facts_to_its_socket() -> None:
    text = (ROOT / "appliance/nginx/att.conf").read_text(encoding="utf-8")
    upstreams = dict(re.findall(r"upstream (\w+) \{\s+server unix:(\S+) ", text))
    routes = dict(re.findall(r"location (/\S*) \{[^}]*?proxy_pass http://(\w+);", text))
    for unit in FACTS.units:
        for route in unit.routes:
            assert upstreams[routes[route]] == str(unit.socket_paths[0]), route
    assert f"listen {FACTS.unit('att-front').listen[0]} ssl" in text
    assert f"listen {FACTS.unit('att-front').listen[0].rpartition(':')[0]}:{FACTS.ports.appliance} ssl" in text


def test_the_front_keeps_no_upstream_connection_and_tries_the_same_socket_once_more() -> None:
    text = (ROOT / "appliance/nginx/att.conf").read_text(encoding="utf-8")
    assert not re.search(r"^\s*keepalive \d", text, re.MULTILINE)
    for path in re.findall(r"upstream \w+ \{([^}]*)\}", text):
        servers = re.findall(r"server (\S+) max_fails=0;", path)
        assert len(servers) == 2
        assert len(set(servers)) == 1
    proxy = (ROOT / "appliance/nginx/proxy.conf").read_text(encoding="utf-8")
    assert "proxy_next_upstream error timeout http_503 non_idempotent;" in proxy
    assert "proxy_next_upstream_timeout 4s;" in proxy
    assert "proxy_next_upstream_tries 2;" in proxy


def test_operators_may_come_through_the_sockets_that_say_so() -> None:
    doors = (ROOT / "appliance/doors.conf").read_text(encoding="utf-8")
    opened = set(re.findall(r"^a\+ (\S+) ", doors, re.MULTILINE))
    with_doors = {
        place
        for path in SOCKETS
        if any("doors.conf" in line for line in settings_of(path)["ExecStartPost"])
        for place in settings_of(path)["ListenStream"]
    }
    assert opened == with_doors == {"/run/att/api.sock", "/run/att/upgraded.sock"}


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.name)
def test_no_service_says_that_it_is_root(path: Path) -> None:
    # Tried in the VM: with User= and a syscall filter systemd 257 drops CAP_SETUID, and no program can become att.
    assert "root" not in settings_of(path).get("User", [])
