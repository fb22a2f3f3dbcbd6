import string

import yaml
from dev.vm.places import ROOT
from dev.vm.seed import Identity, meta_data, user_data
from hypothesis import given
from hypothesis import strategies as st

KEY = 'ssh-ed25519 AAAAC3Nza operator\'s "own" key'


def test_user_data_gives_name_keys_settings_and_the_first_token_as_a_digest() -> None:
    text = user_data(Identity("i-1", "att-7", (KEY,), "log:\n  level: debug\n", "ab" * 32))
    read = yaml.safe_load(text)
    assert text.startswith("#cloud-config\n")
    assert (read["hostname"], read["ssh_authorized_keys"]) == ("att-7", [KEY])
    settings, token = read["write_files"]
    assert (settings["path"], settings["content"]) == ("/etc/att/att.yaml", "log:\n  level: debug\n")
    assert (token["path"], token["permissions"], token["content"]) == (
        "/etc/att/first-token.sha256",
        "0400",
        "ab" * 32 + "\n",
    )


def test_a_seed_without_settings_and_token_writes_no_files() -> None:
    assert "write_files" not in yaml.safe_load(user_data(Identity("i-1", "att", (KEY,))))


def test_meta_data_carries_the_instance() -> None:
    assert yaml.safe_load(meta_data(Identity("i-9", "att", ()))) == {"instance-id": "i-9", "local-hostname": "att"}


@given(st.text(st.characters(codec="utf-8"), min_size=1).filter(str.isprintable))
def test_no_hostname_breaks_out_of_its_line(name: str) -> None:
    read = yaml.safe_load(meta_data(Identity("i", name, ())))
    assert read["local-hostname"] == name


def test_the_image_build_seed_has_one_user_that_is_not_the_operator() -> None:
    template = string.Template((ROOT / "packer/seed/user-data.yaml").read_text())
    (user,) = yaml.safe_load(template.substitute(authorized_key='"k"'))["users"]
    assert (user["name"], user["lock_passwd"], user["uid"]) == ("packer", True, 1999)
