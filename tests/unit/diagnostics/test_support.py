"""What leaves has no secret in it; with the redaction broken on purpose nothing leaves."""

import io
import json
import resource
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.unit.diagnostics.planted import Plant, plants

from att.diagnostics.archive import Redact
from att.diagnostics.gathering import Gathered
from att.diagnostics.held import Held
from att.diagnostics.known import Known, known
from att.diagnostics.leaks import holds
from att.diagnostics.patterns import patterns
from att.diagnostics.reading import Material
from att.diagnostics.redaction import Redacted, redact, values
from att.diagnostics.sources import Asked, Source
from att.diagnostics.spans import replaced
from att.diagnostics.support import Made, harvest, make, write
from att.kernel.errors import Conflict, Failed, NotFound, Refused

PLANTS = plants()
ALL = known(one.value.encode() for one in PLANTS)
HELD = Held("secrets", tuple(one.value.encode() for one in PLANTS if one.held))
MOMENT = 1_800_000_000


def gathered(name: str, text: str, problem: str = "") -> Gathered:
    return Gathered(Source(name, Asked(str)), Material(text, problem=problem), 0.1)


def made_of(*found: Gathered, held: Held = HELD, redact: Redact = redact) -> Made:
    return make(found, [held], {"release": "1"}, folder="att-diag", modified=MOMENT, redact=redact)


def unpacked(data: bytes) -> Iterator[tuple[str, str]]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            assert file is not None
            yield member.name, file.read().decode()


def test_of_sixty_planted_secrets_none_leaves() -> None:
    made = made_of(*(gathered(f"logs/{at}.log", f"first line\n{one.text}\n") for at, one in enumerate(PLANTS)))
    texts = dict(unpacked(made.data))
    assert len(texts) == 61
    assert [name for name, text in texts.items() if holds(text, ALL)] == []
    assert all(text.startswith("first line\n") for name, text in texts.items() if name.endswith(".log"))
    assert all(one.redactions >= 1 for one in made.bundle.entries)


def nothing(text: str, _known: Known) -> Redacted:
    return Redacted(text, Counter())


def patterns_alone(text: str, _known: Known) -> Redacted:
    return Redacted(*replaced(text, patterns(text)))


def values_alone(text: str, secrets: Known) -> Redacted:
    return Redacted(*replaced(text, values(text, secrets)))


def letters_alone(text: str, secrets: Known) -> Redacted:
    for value in secrets.values:
        text = text.replace(value.decode(), "[redacted:value]")
    return Redacted(text, Counter())


@pytest.mark.parametrize("plant", PLANTS, ids=lambda one: one.value[:2])
def test_with_no_redaction_each_of_them_keeps_the_bundle_from_being_made(plant: Plant) -> None:
    with pytest.raises(Refused) as refused:
        made_of(gathered("logs/one.log", f"first line\n{plant.text}\n"), redact=nothing)
    assert refused.value.code == "diag_leak"
    assert refused.value.data["source"] == "logs/one.log"
    assert int(str(refused.value.data["line"])) >= 2
    told = f"{refused.value.detail} {refused.value.hint} {refused.value.data}"
    assert not holds(told, ALL)


@pytest.mark.parametrize("broken", [nothing, patterns_alone, values_alone, letters_alone])
def test_with_part_of_the_redaction_broken_the_bundle_is_not_made(broken: Redact) -> None:
    texts = [gathered(f"logs/{at}.log", one.text) for at, one in enumerate(PLANTS)]
    with pytest.raises(Refused, match="a secret would go with them"):
        made_of(*texts, redact=broken)


def test_a_value_with_a_name_in_one_source_is_taken_out_of_all() -> None:
    named = gathered("config.yaml", "api_key: Zr7-31337-KwQx\nmodel: tiny")
    made = made_of(gathered("app.log", "calls with Zr7-31337-KwQx now"), named)
    texts = dict(unpacked(made.data))
    assert texts["att-diag/app.log"] == "calls with [redacted:value] now"
    assert texts["att-diag/config.yaml"] == "api_key: [redacted:name]\nmodel: tiny"


@pytest.mark.parametrize(
    "text", ["token: true", "key: short1", "secret: /etc/att/secrets.d/key1", "password: lettersalone"]
)
def test_a_named_value_that_looks_like_a_word_is_looked_for_nowhere_else(text: str) -> None:
    assert list(harvest(text)) == []


def test_the_index_names_what_failed_and_what_was_looked_for() -> None:
    problem = f"cannot sign in with {PLANTS[34].value}"
    held = Held(HELD.place, (*HELD.values, b"abc"), "the sealing key is not there")
    made = made_of(gathered("one.txt", "all is well"), gathered("two.txt", "", problem), held=held)
    texts = dict(unpacked(made.data))
    assert list(texts) == ["att-diag/index.json", "att-diag/one.txt"]
    index = json.loads(texts["att-diag/index.json"])
    assert [(one["source"], one["problem"]) for one in index["sources"]] == [
        ("one.txt", ""),
        ("two.txt", "cannot sign in with [redacted:value]"),
    ]
    assert index["looked_for"] == [{"place": "secrets", "values": 27, "problem": "the sealing key is not there"}]
    assert index["values_too_short_to_look_for"] == 1
    assert list(made.warnings) == ["secrets: the sealing key is not there"]


def test_a_bundle_of_the_same_texts_is_the_same_file() -> None:
    assert made_of(gathered("one.txt", "well")).data == made_of(gathered("one.txt", "well")).data


def test_the_file_is_its_owner_s_alone_and_takes_no_other_s_place(tmp_path: Path) -> None:
    path = tmp_path / "diag.tar.gz"
    write(path, b"data", None)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"data", 0o600)
    with pytest.raises(Conflict, match="it is there already"):
        write(path, b"other", None)
    with pytest.raises(NotFound, match="there is no folder"):
        write(tmp_path / "none" / "diag.tar.gz", b"other", None)
    assert [one.name for one in tmp_path.iterdir()] == ["diag.tar.gz"]
    assert path.read_bytes() == b"data"


def test_a_place_that_takes_no_file_is_named() -> None:
    with pytest.raises(Failed, match="cannot write the diagnostics to /proc/diag") as failed:
        write(Path("/proc/diag"), b"data", None)
    assert failed.value.code == "diag_unwritable"


def test_on_a_full_disk_no_part_of_the_file_stays(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(Failed) as failed:
            write(tmp_path / "diag.tar.gz", b"x" * 1000, None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert failed.value.code == "diag_unwritable"
    assert list(tmp_path.iterdir()) == []
