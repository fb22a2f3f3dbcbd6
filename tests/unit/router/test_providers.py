"""Providers are kept on disk with sealed keys, at addresses that may be asked."""

import errno
import json
import stat
from pathlib import Path

import pytest

from att.effects import sealing_keys
from att.kernel.errors import AttError
from att.router import providers as room
from att.router.address import checked_base_url, is_denied
from att.router.providers import FILE, KEY_FILE, Providers, keys_of

URL = "http://10.0.0.5:8000/v1"
SECRET = "sk-very-secret-indeed"


def test_a_provider_outlives_the_process_and_its_key_is_sealed(tmp_path: Path) -> None:
    Providers(tmp_path).add("vllm", URL + "/", ["llama", "llama", "mistral"], SECRET)
    again = Providers(tmp_path)
    kept = again.get("vllm")
    assert kept.public() == {"name": "vllm", "base_url": URL, "models": ["llama", "mistral"], "has_key": True}
    assert again.key(kept) == SECRET
    assert SECRET.encode() not in (tmp_path / FILE).read_bytes()
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o400


def test_a_key_does_not_open_for_another_address(tmp_path: Path) -> None:
    Providers(tmp_path).add("vllm", URL, ["llama"], SECRET)
    rows = json.loads((tmp_path / FILE).read_text())
    rows[0]["base_url"] = "https://evil.example/v1"
    (tmp_path / FILE).write_text(json.dumps(rows))
    found = Providers(tmp_path)
    with pytest.raises(AttError) as told:
        found.key(found.get("vllm"))
    assert told.value.code == "sealed_broken"


def test_on_a_full_disk_a_rotation_waits_for_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Providers(tmp_path).add("vllm", URL, ["llama"], SECRET)
    sealing_keys.begin(tmp_path / KEY_FILE)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    for place in (room, sealing_keys):
        with monkeypatch.context() as patched:
            patched.setattr(place, "write_atomically", full)
            found = Providers(tmp_path)
            found.end_rotation()
        assert found.key(found.get("vllm")) == SECRET
        assert sealing_keys.under_way(tmp_path / KEY_FILE)
    Providers(tmp_path).end_rotation()
    assert not sealing_keys.under_way(tmp_path / KEY_FILE)
    assert list(keys_of(tmp_path)) == [SECRET]


def test_a_key_that_does_not_open_is_told_after_all_that_do(tmp_path: Path) -> None:
    found = Providers(tmp_path)
    for name, url in (("a", URL), ("moved", "http://10.0.0.6/v1"), ("z", URL)):
        found.add(name, url, ["m"], f"sk-{name}")
    (tmp_path / FILE).write_text((tmp_path / FILE).read_text().replace("10.0.0.6", "10.0.0.7"))
    seen: list[str] = []
    with pytest.raises(AttError, match="moved"):
        seen.extend(keys_of(tmp_path))
    assert seen == ["sk-a", "sk-z"]


def test_models_are_found_by_provider_and_by_a_name_that_only_one_has(tmp_path: Path) -> None:
    found = Providers(tmp_path)
    one = found.add("one", URL, ["a", "org/b"], None)
    other = found.add("two", URL, ["a"], None)
    assert found.key(one) is None
    assert found.of_model("one/a") == (one, "a")
    assert found.of_model("two/a") == (other, "a")
    assert found.of_model("one/org/b") == (one, "org/b")
    assert found.of_model("org/b") == (one, "org/b")
    assert found.of_model("a") is None
    assert found.of_model("three/a") is None
    assert list(found.models()) == [("one/a", "one"), ("one/org/b", "one"), ("two/a", "two")]


def test_a_removed_provider_is_gone_for_good(tmp_path: Path) -> None:
    found = Providers(tmp_path)
    found.add("vllm", URL, ["llama"], SECRET)
    assert found.remove("vllm").name == "vllm"
    assert Providers(tmp_path).all() == []
    with pytest.raises(AttError) as told:
        found.remove("vllm")
    assert told.value.code == "provider_unknown"


@pytest.mark.parametrize(
    ("name", "url", "models", "key", "field"),
    [
        ("Vllm", URL, ["a"], None, "name"),
        ("", URL, ["a"], None, "name"),
        ("vllm", URL, [], None, "models"),
        ("vllm", URL, ["a b"], None, "models"),
        ("vllm", URL, ["a"] * 300, None, "models"),
        ("vllm", URL, ["a"], "two\nlines", "key"),
        ("vllm", URL, ["a"], "x" * 5000, "key"),
        ("vllm", "ftp://host/v1", ["a"], None, "base_url"),
    ],
)
def test_a_wrong_provider_is_refused_by_field(
    tmp_path: Path, name: str, url: str, models: list[str], key: str | None, field: str
) -> None:
    with pytest.raises(AttError) as told:
        Providers(tmp_path).add(name, url, models, key)
    assert (told.value.status, told.value.field) == (422, field)
    assert not (tmp_path / FILE).exists()


def test_a_name_is_taken_once_and_their_number_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Providers(tmp_path)
    found.add("one", URL, ["a"], None)
    with pytest.raises(AttError) as told:
        found.add("one", URL, ["a"], None)
    assert told.value.code == "name_taken"
    monkeypatch.setattr(room, "PROVIDERS_MAX", 1)
    with pytest.raises(AttError):
        found.add("two", URL, ["a"], None)


@pytest.mark.parametrize(("name", "text"), [(FILE, b"nonsense"), (KEY_FILE, b"short")])
def test_a_damaged_file_is_told_not_replaced(tmp_path: Path, name: str, text: bytes) -> None:
    (tmp_path / name).write_bytes(text)
    with pytest.raises(AttError) as told:
        Providers(tmp_path)
    assert told.value.code == "internal"
    assert (tmp_path / name).read_bytes() == text


@pytest.mark.parametrize(
    "text", ["https://api.example.org/v1", "http://127.0.0.1:8000/v1", "http://192.168.1.4", "http://[fd00::5]:80/v1"]
)
def test_an_operator_may_name_any_ordinary_address(text: str) -> None:
    assert checked_base_url(f" {text}/ ") == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host/v1",
        "file:///etc/passwd",
        "gopher://host/",
        "http://",
        "http://:80/",
        "http://host:0/v1",
        "http://host:99999/v1",
        "http://host:x/v1",
        "http://[::1/v1",
        "http://user:word@host/v1",
        "http://user@host/v1",
        "http://host/v1?x=1",
        "http://host/v1#x",
        "http://ho st/v1",
        "http://hö.example/v1",
        "http://169.254.169.254/latest",
        "http://[fe80::1%25eth0]/v1",
        "http://[::ffff:169.254.169.254]/v1",
    ],
)
def test_an_address_that_may_not_be_is_refused(text: str) -> None:
    with pytest.raises(AttError) as told:
        checked_base_url(text)
    assert (told.value.code, told.value.field) == ("invalid_input", "base_url")


@pytest.mark.parametrize(
    ("host", "denied"),
    [
        ("169.254.169.254", True),
        ("169.254.0.1", True),
        ("fe80::1", True),
        ("fd00:ec2::254", True),
        ("::ffff:169.254.169.254", True),
        ("64:ff9b::a9fe:a9fe", True),
        ("2002:a9fe:a9fe::1", True),
        ("100.100.100.200", True),
        ("0.0.0.0", True),
        ("::", True),
        ("224.0.0.1", True),
        ("127.0.0.1", False),
        ("10.0.0.1", False),
        ("64:ff9b::808:808", False),
        ("api.example.org", False),
    ],
)
def test_metadata_link_local_and_multicast_addresses_are_never_asked(host: str, denied: bool) -> None:
    assert is_denied(host) is denied


def test_the_keys_of_a_folder_are_told_and_none_is_made_where_there_is_no_router(tmp_path: Path) -> None:
    assert list(keys_of(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []
    found = Providers(tmp_path)
    found.add("vllm", URL, ["llama"], SECRET)
    found.add("open", URL, ["free"], None)
    assert list(keys_of(tmp_path)) == [SECRET]
