"""The example file is current, and says nothing that does not hold."""

import re
from pathlib import Path

from att.config import example, json_schema
from att.config.document import read
from att.config.layers import lay

FILE = Path(__file__).parents[3] / "appliance" / "att.yaml.example"


def test_the_committed_example_is_what_the_schema_says() -> None:
    assert FILE.read_text() == example.render(), "write it again: att.config.example.render"


def test_the_example_as_it_stands_sets_nothing() -> None:
    assert read(FILE.read_text()).values == {}


def test_uncommented_it_is_valid_and_gives_exactly_the_defaults() -> None:
    _, _, settings = FILE.read_text().partition("warn_percent: 80\n")
    text = re.sub(r"^# ", "", settings, flags=re.MULTILINE)
    layers = lay(json_schema.load(), read(text), {})
    assert layers.problems == []
    assert {origin.source for origin in layers.origins.values()} == {"file"}
    assert layers.values == lay(json_schema.load(), read(""), {}).values
