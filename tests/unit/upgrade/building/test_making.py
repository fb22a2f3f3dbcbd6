"""The release that an appliance makes of a commit is the one that the build host makes of it, or none."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.archives import KEY, machine
from tests.fakes.building import ProcessTasks
from tests.fakes.host_builds import LOCK, SMALL, host_release, installed
from tests.fakes.repositories import Repository

from att.appliance import Facts
from att.kernel.errors import AttError, Failed, Refused
from att.release.install import install
from att.release.installed import read_metadata, verify_release
from att.release.schema import File, Link, Metadata
from att.release.writer import describe
from att.upgrade.approvals.schema import Approval, Provenance
from att.upgrade.building.bench import Tasks
from att.upgrade.building.job import RESULT, SOURCES, read_frames, write_frame
from att.upgrade.building.sources import Sources
from att.upgrade.building.workshop import Workshop

RUNNING, NEXT = "0.1.0.dev3+g000000001", "0.1.0.dev4+g000000002"
AT = datetime(2026, 11, 21, tzinfo=UTC)
ROOT = Path(__file__).parents[4]


def provenance(base: str, head: str) -> Provenance:
    said = Approval(commit=head, tree="a" * 64, by="ops(uid 1000)", door="ssh", kind="person", at=AT)
    return Provenance(
        number=7,
        commit=head,
        head=head,
        tree="a" * 64,
        base=base,
        approval="required",
        approvals=(said,),
        checks=("unit",),
        job="job_1",
        at=AT,
    )


@dataclass
class World:
    """An appliance on which the release of `base`, the repository's first commit, is installed."""

    repository: Repository
    where: Facts
    folder: Path
    base: str
    running: Path
    nat: bool

    def sources(self, head: str, tasks: Tasks | None = None) -> tuple[Workshop, Sources]:
        workshop = Workshop(self.where, tasks or ProcessTasks())
        pack = self.folder / "sent"
        pack.write_bytes(self.repository.pack(self.base, head))
        fd = os.open(pack, os.O_RDONLY)
        try:
            return workshop, workshop.unpack(fd, base=self.base, head=head)
        finally:
            os.close(fd)

    def make(self, head: str, tasks: Tasks | None = None) -> Path:
        workshop, sources = self.sources(head, tasks)
        try:
            return workshop.make(
                sources, running=self.running, version=NEXT, provenance=provenance(self.base, head), key=KEY
            )
        finally:
            sources.close()

    def made(self, head: str) -> Path:
        """Make the bundle, install it, return the folder of the release."""
        bundle = self.make(head)
        assert list((self.where.paths.upgrade_state / "building").iterdir()) == [bundle]
        with bundle.open("rb") as file:
            return install(file.fileno(), self.where, make_current=False)

    def refused(self, head: str, tasks: Tasks | None = None) -> AttError:
        with pytest.raises(AttError) as refused:
            self.make(head, tasks)
        assert list((self.where.paths.upgrade_state / "building").iterdir()) == []
        return refused.value

    def by_the_host(self, head: str) -> Metadata:
        release = host_release(self.repository, head, NEXT, self.where, nat=self.nat, folder=self.folder / "host")
        time = int(self.repository.git("log", "-1", "--format=%ct", head))
        target = installed(release, head, time, self.where.rooted(self.folder / "other"), KEY)
        return read_metadata(target)


def world_of(repository: Repository, base: str, folder: Path, *, nat: bool) -> World:
    where = machine(folder / "root", KEY)
    where.paths.upgrade_state.mkdir(parents=True)
    release = host_release(repository, base, RUNNING, where, nat=nat, folder=folder / "host")
    time = int(repository.git("log", "-1", "--format=%ct", base))
    return World(repository, where, folder, base, installed(release, base, time, where, KEY), nat)


both = pytest.mark.parametrize("world", [True, False], ids=["whole", "lean"], indirect=True)
"""With NAT's venv, which is how appliances are, and without."""


@pytest.fixture
def world(repository: Repository, tmp_path: Path, request: pytest.FixtureRequest) -> World:
    return world_of(repository, repository.commit(SMALL, "first"), tmp_path, nat=getattr(request, "param", True))


@both
def test_a_commit_made_here_has_the_files_that_the_build_host_gives_it(world: World) -> None:
    head = world.repository.commit(
        {
            "src/att/words.py": b'def greeting() -> str:\n    return "good day"\n',
            "src/att/gone.py": None,
            "src/att/deep/new.py": b"NEW = {1: (2.5, 'x y')}\n",
            "src/att_nat/more.py": b"MORE = 1\n",
            "systemd/att-more.service": b"[Service]\nExecStart=@RELEASE@/x\n",
            "templates/chatbot/files/src/app.py": b"APP = 2\n",
            "upgrade/migrations/versions/0002_second.py": b'CLASS = "breaking"\nMIN_READER = 2\n',
            "src/console/src/a.test.ts": b"other test\n",
            "schemas/openapi.json": b'{"a": 1}\n',
            "tests/unit/test_words.py": None,
        },
        "head",
    )
    release = world.made(head)
    assert verify_release(release) == []
    here, there = read_metadata(release), world.by_the_host(head)
    files = dict(here.files)
    told = files.pop("provenance.json")
    assert files == there.files
    assert isinstance(told, File)
    assert here.model_copy(update={"files": {}, "size": 0}) == there.model_copy(update={"files": {}, "size": 0})
    assert json.loads((release / "provenance.json").read_bytes())["approvals"][0]["by"] == "ops(uid 1000)"
    assert (here.commit, here.database.version, here.database.change) == (head, 2, "breaking")


def test_a_bundle_made_here_carries_what_changed_and_its_key_alone_signed_it(world: World) -> None:
    head = world.repository.commit({"src/att/words.py": b"WORDS = 2\n"}, "head")
    bundle = world.make(head)
    assert bundle.stat().st_size < 6000
    with bundle.open("rb") as file, pytest.raises(Refused, match="lacks"):
        install(file.fileno(), machine(world.folder / "elsewhere", KEY), make_current=False)
    Workshop(world.where, ProcessTasks())
    assert not bundle.exists(), "nobody took it: the next engine removes it"


def test_a_module_that_did_not_change_is_not_compiled_again(world: World) -> None:
    seen: list[str] = []

    def look(folder: Path) -> None:
        with (folder / SOURCES).open("rb") as given:
            seen.extend(name for name, _ in read_frames(given, bytes_max=1 << 20))

    world.make(world.repository.commit({"src/att/words.py": b"WORDS = 2\n"}, "head"), Spoiled(look))
    assert seen == ["att/_version.py", "att/words.py"]


def test_a_release_made_here_is_built_upon_here(world: World) -> None:
    head = world.repository.commit({"src/att/words.py": b"WORDS = 2\n"}, "head")
    world.running, world.base = world.made(head), head
    after = world.repository.commit({"src/att/words.py": b"WORDS = 3\n"}, "after")
    workshop, sources = world.sources(after)
    version = "0.1.0.dev5+g000000003"
    bundle = workshop.make(sources, running=world.running, version=version, provenance=provenance(head, after), key=KEY)
    sources.close()
    with bundle.open("rb") as file:
        assert verify_release(install(file.fileno(), world.where, make_current=False)) == []


@pytest.mark.long
@pytest.mark.timeout(300)
def test_this_very_repository_made_here_has_the_files_that_the_build_host_gives_it(tmp_path: Path) -> None:
    own = Repository.__new__(Repository)
    own.folder = tmp_path / "clone"
    own.folder.mkdir()
    own.git("clone", "-q", "--shared", str(ROOT), ".")
    world = world_of(own, own.git("rev-parse", "HEAD"), tmp_path, nat=True)
    changed = (own.folder / "src/att/kernel/ids.py").read_bytes() + b'WORDS = "a visible text"\n'
    head = own.commit({"src/att/kernel/ids.py": changed}, "head")
    files = dict(read_metadata(world.made(head)).files)
    assert files.pop("provenance.json")
    assert files == world.by_the_host(head).files
    assert len(files) > 800


class Spoiled:
    """Jobs whose compiler was taken over: `change` does what it likes in the folder afterwards."""

    user: str | None = None

    def __init__(self, change: Callable[[Path], None]) -> None:
        self.change = change

    def run(self, folder: Path) -> bool:
        ended = ProcessTasks().run(folder)
        if (folder / SOURCES).exists():
            self.change(folder)
        return ended


def rewritten(change: Callable[[dict[str, bytes]], dict[str, bytes]]) -> Callable[[Path], None]:
    def rewrite(folder: Path) -> None:
        with (folder / RESULT).open("rb") as file:
            frames = dict(read_frames(file, bytes_max=1 << 20))
        with (folder / RESULT).open("wb") as file:
            for name, content in change(frames).items():
                write_frame(file, name, content)

    return rewrite


@pytest.mark.parametrize(
    "change",
    [
        rewritten(lambda frames: {**frames, "att/evil.py": b"x"}),
        rewritten(lambda frames: {**frames, "../../../etc/cron.d/evil": b"x"}),
        rewritten(lambda frames: dict(list(frames.items())[1:])),
        rewritten(lambda frames: dict(reversed(frames.items()))),
        rewritten(lambda frames: dict.fromkeys(frames, b"")),
        rewritten(lambda frames: {name: code[:8] + bytes(8) + code[16:] for name, code in frames.items()}),
        rewritten(lambda frames: {name: code[:4] + bytes(4) + code[8:] for name, code in frames.items()}),
        lambda folder: os.truncate(folder / RESULT, 40),
        lambda folder: (folder / RESULT).write_bytes(b"\xff\n") and None,
        lambda folder: (folder / RESULT).write_bytes(b"9999999999 att/_version.py\n") and None,
    ],
    ids=["more", "elsewhere", "fewer", "another order", "empty", "other source", "checked", "cut", "no text", "huge"],
)
def test_what_the_compiler_answers_is_refused_unless_it_is_the_modules_that_it_got(
    world: World, change: Callable[[Path], None]
) -> None:
    head = world.repository.commit({"src/att/words.py": b"WORDS = 2\n"}, "head")
    assert world.refused(head, Spoiled(change)).code == "build_differs"


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (b"def broken(:\n", "att/words.py, line 1: invalid syntax"),
        (b"x = 1\n" * 3 + b"'''", "att/words.py, line 4: unterminated"),
        (b"\0", "source code string cannot contain null bytes"),
        (b"# coding: nonsense\n", "unknown encoding"),
        (b"x = " + b"(" * 300 + b")" * 300 + b"\n", "too many nested parentheses"),
    ],
    ids=["syntax", "open text", "null", "encoding", "nested"],
)
def test_what_is_no_python_is_refused_with_its_place(world: World, source: bytes, why: str) -> None:
    refused = world.refused(world.repository.commit({"src/att/words.py": source}, "head"))
    assert refused.code == "build_refused"
    assert why in refused.detail


@both
def test_a_changed_lock_is_refused_with_what_it_would_need(world: World) -> None:
    lock = LOCK.replace("1.0", "1.1") + LOCK.replace("fastapi", "more-of-it")
    head = world.repository.commit({"locks/runtime.txt": lock.encode(), "locks/nat.txt": b"# none\n"}, "head")
    refused = world.refused(head)
    assert refused.code == "build_inputs_missing"
    nat = ["a venv without nvidia-nat"] if world.nat else []
    assert refused.data["missing"] == ["wheel fastapi==1.1", "wheel more-of-it==1.0", *nat]
    assert "make bundle" in refused.hint


def test_a_lock_with_other_options_is_refused_too(world: World) -> None:
    lock = SMALL["locks/runtime.txt"] + b"--no-binary :all:\n"
    refused = world.refused(world.repository.commit({"locks/runtime.txt": lock}, "head"))
    assert refused.data["missing"] == ["a venv made of locks/runtime.txt"]


def test_changed_sources_of_the_console_are_refused_with_their_names(world: World) -> None:
    head = world.repository.commit({"src/console/index.html": b"x", "src/console/new.ts": b"y"}, "head")
    refused = world.refused(head)
    assert refused.code == "build_inputs_missing"
    assert refused.data["missing"] == ["the console's build tools for src/console/index.html, src/console/new.ts"]


@pytest.mark.parametrize("path", ["src/console/index.html", "locks/runtime.txt", "src/att/words.py"])
def test_what_cannot_be_built_here_is_known_before_it_is_made(world: World, path: str) -> None:
    workshop, sources = world.sources(world.repository.commit({path: b"WORDS = 2\n"}, "head"))
    try:
        if path == "src/att/words.py":
            workshop.demand(sources, running=world.running)
            return
        with pytest.raises(Refused) as caught:
            workshop.demand(sources, running=world.running)
        assert caught.value.code == "build_inputs_missing"
    finally:
        sources.close()


def test_a_running_release_of_another_commit_is_not_built_upon(world: World) -> None:
    world.base = world.repository.commit({"src/att/words.py": b"WORDS = 2\n"}, "second")
    refused = world.refused(world.repository.commit({"src/att/words.py": b"WORDS = 3\n"}, "third"))
    assert refused.code == "base_differs"


@pytest.mark.parametrize("change", ["other", "more", "fewer"])
def test_a_running_release_that_is_not_what_its_commit_holds_is_not_built_upon(
    world: World, change: str, tmp_path: Path
) -> None:
    variant = {"src/att/words.py": b"OTHER = 1\n"} if change == "other" else {}
    variant |= {"src/att/extra.py": b"EXTRA = 1\n"} if change == "more" else {}
    odd = world.repository.commit({**variant, **({"src/att/gone.py": None} if change == "fewer" else {})}, "odd")
    release = host_release(
        world.repository, odd, "0.1.0.dev9+g000000009", world.where, nat=world.nat, folder=tmp_path / "odd"
    )
    world.running = installed(release, world.base, 1766000000, world.where, KEY)
    world.repository.git("reset", "-q", "--hard", world.base)
    refused = world.refused(world.repository.commit({"src/att/words.py": b"WORDS = 2\n"}, "head"))
    assert refused.code == "base_differs"


@pytest.mark.parametrize(
    ("path", "content", "code"),
    [
        ("systemd/att-api.socket", b"[Socket]\n", "tree_hostile"),
        ("systemd/att-api.service", b"\xff\n", "tree_hostile"),
        ("upgrade/supported.toml", b"from_versions = 3\n", "metadata_invalid"),
        ("upgrade/supported.toml", b"[", "metadata_invalid"),
        ("upgrade/supported.toml", None, "metadata_invalid"),
        ("upgrade/migrations/versions/0001_first.py", b"CLASS = print()\n", "migration_failed"),
        ("src/att/appliance/appliance.toml", b"one place\n", "tree_hostile"),
    ],
    ids=["socket", "unit", "table", "toml", "missing", "migration", "doubled"],
)
def test_what_makes_no_release_is_refused(world: World, path: str, content: bytes | None, code: str) -> None:
    assert world.refused(world.repository.commit({path: content}, "head")).code == code


def test_a_link_among_atts_own_files_is_refused(world: World) -> None:
    (world.repository.folder / "src/att/link.py").symlink_to("words.py")
    refused = world.refused(world.repository.commit({}, "head"))
    assert refused.code == "tree_hostile"
    assert "src/att/link.py is a link" in refused.detail


@pytest.mark.parametrize(
    ("place", "there"),
    [
        ("venv/lib/python3.13/site-packages/att/words.py", True),
        ("venv/lib/python3.13/site-packages/att/words.py", False),
        ("venv/bin/python", True),
        ("usr/evil", True),
        ("venv/lib/python3.13/site-packages/att/__pycache__/evil.cpython-313.pyc", True),
    ],
    ids=["changed", "gone", "not its own", "more", "more bytecode"],
)
def test_a_tree_that_changes_while_it_is_described_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, place: str, there: bool
) -> None:
    other = {place: File(sha256="0" * 64, mode="0444", size=1)} if there else {}

    def changed(root: Path) -> dict[str, File | Link]:
        return {**{path: entry for path, entry in describe(root).items() if path != place}, **other}

    monkeypatch.setattr("att.upgrade.building.making.describe", changed)
    refused = world.refused(world.repository.commit({"src/att/words.py": b"WORDS = 2\n"}, "head"))
    assert (refused.code, place in refused.detail) == ("build_differs", True)


def test_no_room_on_the_disk_has_its_own_word(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("att.upgrade.building.workshop.pack", full)
    refused = world.refused(world.repository.commit({"src/att/words.py": b"WORDS = 2\n"}, "head"))
    assert isinstance(refused, Refused | Failed)
    assert refused.code == "disk_full"
